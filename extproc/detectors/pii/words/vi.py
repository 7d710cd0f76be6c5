"""Vietnamese."""

WORDS = {
    "phone": """
        điện thoại, số điện thoại, sđt, đt, di động, số di động, máy bàn, zalo, hotline, số của tôi là
    """,
    "call": "gọi cho, gọi số, liên hệ, liên lạc, gọi lại",
    "date_of_birth": "sinh ngày, ngày sinh, ngày tháng năm sinh, sinh nhật",
    "passport": "hộ chiếu, số hộ chiếu",
    "credit_card": "thẻ tín dụng, số thẻ, thẻ ghi nợ, thẻ ngân hàng",
    "national_id": "căn cước, cccd, cmnd, chứng minh nhân dân, số định danh",
    "driver_license": "bằng lái, giấy phép lái xe, gplx",
    "license_plate": "biển số, biển số xe",
    "us_bank_account": "số tài khoản, stk",
    "card_cvv": "mã bảo mật",
    "age": "tuổi",
    "postal_address": "địa chỉ",
    "postal_code": "mã bưu chính",
}
MONTHS = "tháng một, tháng hai, tháng ba, tháng tư, tháng năm, tháng sáu, tháng bảy, tháng tám, tháng chín, tháng mười"
