"""Chinese, simplified and traditional."""

WORDS = {
    "phone": """
        电话, 電話, 电话号码, 電話號碼, 手机, 手機, 手机号, 手机号码,
        手機號碼, 联系电话, 聯絡電話, 联系方式, 座机, 传真, 傳真, 热线
    """,
    "call": "拨打, 撥打, 致电, 致電, 打给",
    "date_of_birth": "出生, 出生日期, 出生于, 生日, 出生年月, 出生於, 生于",
    "passport": "护照, 护照号, 护照号码, 護照, 護照號碼",
    "credit_card": "卡号, 銀行卡, 银行卡, 银行卡号, 信用卡, 信用卡号, 卡號, 借记卡",
    "national_id": "证件号, 证件号码, 證件號碼",
    "cn_resident_id": """
        身份证, 身份证号, 身份证号码, 身份證, 身份證號, 身份證號碼,
        居民身份证, 公民身份号码, 公民身份证号码, 身分证, 证件号码, shenfenzheng, sfz, sfzh
    """,
    "sg_nric": "身份证, 身份证号, 身份證, 身份证号码",
    "driver_license": "驾驶证, 驾照, 驾驶证号, 驾驶证号码, 駕駛執照",
    "card_cvv": "安全码, 验证码cvv, 卡背面三位",
    "age": "年龄",
    "postal_code": "邮政编码, 邮编",
    "card_expiry": "有效期, 有效期至, 有效期限",
    "license_plate": "车牌, 车牌号, 车牌号码, 車牌, 車牌號碼",
    "vin": "车架号, 車架號, 车辆识别代号, 车辆识别码",
    "us_bank_account": "银行账号, 銀行帳號",
    "postal_address": "地址, 住址",
    "crypto_wallet": "钱包, 地址, 比特币, 以太坊",
}
MONTHS = ""
