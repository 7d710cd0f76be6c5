"""Japanese."""

WORDS = {
    "phone": """
        電話, 電話番号, 携帯, 携帯電話, 携帯番号, フォン,
        連絡先, ファックス, ファクス, テレフォン, スマホ, 固定電話
    """,
    "call": "お電話, ご連絡",
    "date_of_birth": "生年月日, 誕生日, 生まれ, 出生, 出生日, お誕生日, 生誕",
    "passport": "パスポート, パスポート番号, 旅券, 旅券番号",
    "credit_card": "カード, カード番号, クレジットカード, デビットカード, クレカ",
    "jp_my_number": """
        マイナンバー, 個人番号, マイナンバーカード, 個人番号カード,
        マイ・ナンバー, 共通番号, kojin bango, kojin bangou
    """,
    "driver_license": "運転免許, 運転免許証, 免許証番号, 免許証, 運転免許証番号",
    "card_cvv": "セキュリティコード",
    "age": "年齢",
    "postal_code": "郵便番号",
    "card_expiry": "有効期限",
    "license_plate": "ナンバープレート, 車両番号, 登録番号",
    "vin": "車台番号",
    "us_bank_account": "口座番号",
    "postal_address": "住所",
    "swift_bic": "SWIFTコード, BICコード",
    "crypto_wallet": "ウォレット, アドレス, ビットコイン",
}
MONTHS = ""
