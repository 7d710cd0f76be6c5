"""Korean."""

WORDS = {
    "phone": "전화, 전화번호, 휴대폰, 핸드폰, 휴대전화, 연락처, 팩스, 폰번호",
    "call": "번호로, 연락",
    "date_of_birth": "생년월일, 생일, 생입니다, 생으로, 생이며, 생이고, 출생, 출생일, 태어",
    "passport": "여권, 여권번호, 여권 번호",
    "credit_card": "카드, 카드번호, 카드 번호, 신용카드, 체크카드",
    "kr_rrn": "주민등록번호, 주민번호, 주민등록 번호, 주민등록, 주민 번호, 외국인등록번호, 외국인 등록번호",
    "driver_license": "운전면허, 운전면허번호, 면허번호",
    "age": "나이",
    "postal_code": "우편번호",
    "card_expiry": "유효기간, 만료일",
    "license_plate": "차량번호, 번호판",
    "vin": "차대번호",
    "us_bank_account": "계좌번호",
    "postal_address": "주소",
    "card_cvv": "보안코드, cvc번호",
    "crypto_wallet": "지갑, 주소, 비트코인",
}
MONTHS = ""
