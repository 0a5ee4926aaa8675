//! The English names of countries, languages and statuses, for readers who do not know the codes by heart.
//!
//! Countries and languages are those of ISO 3166-1 and of the list in `transform/language.rs`, with the names that
//! Unicode's CLDR gives them. A code that is not here is shown as it is.

/// Two letters and a name each.
const COUNTRIES: &str = "\
    AD Andorra|AE United Arab Emirates|AF Afghanistan|AG Antigua & Barbuda|AI Anguilla|AL Albania|\
    AM Armenia|AO Angola|AQ Antarctica|AR Argentina|AS American Samoa|AT Austria|AU Australia|AW Aruba|\
    AX Åland Islands|AZ Azerbaijan|BA Bosnia & Herzegovina|BB Barbados|BD Bangladesh|BE Belgium|\
    BF Burkina Faso|BG Bulgaria|BH Bahrain|BI Burundi|BJ Benin|BL St. Barthélemy|BM Bermuda|BN Brunei|\
    BO Bolivia|BQ Caribbean Netherlands|BR Brazil|BS Bahamas|BT Bhutan|BV Bouvet Island|BW Botswana|\
    BY Belarus|BZ Belize|CA Canada|CC Cocos (Keeling) Islands|CD Congo - Kinshasa|\
    CF Central African Republic|CG Congo - Brazzaville|CH Switzerland|CI Côte d’Ivoire|CK Cook Islands|\
    CL Chile|CM Cameroon|CN China|CO Colombia|CR Costa Rica|CU Cuba|CV Cape Verde|CW Curaçao|\
    CX Christmas Island|CY Cyprus|CZ Czechia|DE Germany|DJ Djibouti|DK Denmark|DM Dominica|\
    DO Dominican Republic|DZ Algeria|EC Ecuador|EE Estonia|EG Egypt|EH Western Sahara|ER Eritrea|\
    ES Spain|ET Ethiopia|FI Finland|FJ Fiji|FK Falkland Islands|FM Micronesia|FO Faroe Islands|\
    FR France|GA Gabon|GB United Kingdom|GD Grenada|GE Georgia|GF French Guiana|GG Guernsey|GH Ghana|\
    GI Gibraltar|GL Greenland|GM Gambia|GN Guinea|GP Guadeloupe|GQ Equatorial Guinea|GR Greece|\
    GS South Georgia & South Sandwich Islands|GT Guatemala|GU Guam|GW Guinea-Bissau|GY Guyana|\
    HK Hong Kong SAR China|HM Heard & McDonald Islands|HN Honduras|HR Croatia|HT Haiti|HU Hungary|\
    ID Indonesia|IE Ireland|IL Israel|IM Isle of Man|IN India|IO British Indian Ocean Territory|IQ Iraq|\
    IR Iran|IS Iceland|IT Italy|JE Jersey|JM Jamaica|JO Jordan|JP Japan|KE Kenya|KG Kyrgyzstan|\
    KH Cambodia|KI Kiribati|KM Comoros|KN St. Kitts & Nevis|KP North Korea|KR South Korea|KW Kuwait|\
    KY Cayman Islands|KZ Kazakhstan|LA Laos|LB Lebanon|LC St. Lucia|LI Liechtenstein|LK Sri Lanka|\
    LR Liberia|LS Lesotho|LT Lithuania|LU Luxembourg|LV Latvia|LY Libya|MA Morocco|MC Monaco|MD Moldova|\
    ME Montenegro|MF St. Martin|MG Madagascar|MH Marshall Islands|MK North Macedonia|ML Mali|\
    MM Myanmar (Burma)|MN Mongolia|MO Macao SAR China|MP Northern Mariana Islands|MQ Martinique|\
    MR Mauritania|MS Montserrat|MT Malta|MU Mauritius|MV Maldives|MW Malawi|MX Mexico|MY Malaysia|\
    MZ Mozambique|NA Namibia|NC New Caledonia|NE Niger|NF Norfolk Island|NG Nigeria|NI Nicaragua|\
    NL Netherlands|NO Norway|NP Nepal|NR Nauru|NU Niue|NZ New Zealand|OM Oman|PA Panama|PE Peru|\
    PF French Polynesia|PG Papua New Guinea|PH Philippines|PK Pakistan|PL Poland|\
    PM St. Pierre & Miquelon|PN Pitcairn Islands|PR Puerto Rico|PS Palestinian Territories|PT Portugal|\
    PW Palau|PY Paraguay|QA Qatar|RE Réunion|RO Romania|RS Serbia|RU Russia|RW Rwanda|SA Saudi Arabia|\
    SB Solomon Islands|SC Seychelles|SD Sudan|SE Sweden|SG Singapore|SH St. Helena|SI Slovenia|\
    SJ Svalbard & Jan Mayen|SK Slovakia|SL Sierra Leone|SM San Marino|SN Senegal|SO Somalia|SR Suriname|\
    SS South Sudan|ST São Tomé & Príncipe|SV El Salvador|SX Sint Maarten|SY Syria|SZ Eswatini|\
    TC Turks & Caicos Islands|TD Chad|TF French Southern Territories|TG Togo|TH Thailand|TJ Tajikistan|\
    TK Tokelau|TL Timor-Leste|TM Turkmenistan|TN Tunisia|TO Tonga|TR Türkiye|TT Trinidad & Tobago|\
    TV Tuvalu|TW Taiwan|TZ Tanzania|UA Ukraine|UG Uganda|UM U.S. Outlying Islands|US United States|\
    UY Uruguay|UZ Uzbekistan|VA Vatican City|VC St. Vincent & Grenadines|VE Venezuela|\
    VG British Virgin Islands|VI U.S. Virgin Islands|VN Vietnam|VU Vanuatu|WF Wallis & Futuna|WS Samoa|\
    YE Yemen|YT Mayotte|ZA South Africa|ZM Zambia|ZW Zimbabwe\
";

/// The same for languages.
const LANGUAGES: &str = "\
    af Afrikaans|am Amharic|ar Arabic|as Assamese|az Azerbaijani|be Belarusian|bg Bulgarian|bn Bangla|\
    bs Bosnian|ca Catalan|cs Czech|cy Welsh|da Danish|de German|el Greek|en English|es Spanish|\
    et Estonian|eu Basque|fa Persian|fi Finnish|fr French|ga Irish|gl Galician|gu Gujarati|he Hebrew|\
    hi Hindi|hr Croatian|hu Hungarian|hy Armenian|id Indonesian|is Icelandic|it Italian|ja Japanese|\
    ka Georgian|kk Kazakh|km Khmer|kn Kannada|ko Korean|ky Kyrgyz|lo Lao|lt Lithuanian|lv Latvian|\
    mk Macedonian|ml Malayalam|mn Mongolian|mr Marathi|ms Malay|my Burmese|nb Norwegian Bokmål|\
    ne Nepali|nl Dutch|nn Norwegian Nynorsk|no Norwegian|pa Punjabi|pl Polish|pt Portuguese|ro Romanian|\
    ru Russian|si Sinhala|sk Slovak|sl Slovenian|sq Albanian|sr Serbian|sv Swedish|sw Swahili|ta Tamil|\
    te Telugu|th Thai|tl Filipino|tr Turkish|uk Ukrainian|ur Urdu|uz Uzbek|vi Vietnamese|zh Chinese|\
    zu Zulu\
";

/// The statuses that people meet, by the reason phrases of RFC 9110 and nginx's own 499.
const STATUSES: &str = "\
    200 OK|201 Created|202 Accepted|204 No Content|206 Partial Content|301 Moved Permanently|302 Found|\
    303 See Other|304 Not Modified|307 Temporary Redirect|308 Permanent Redirect|400 Bad Request|\
    401 Unauthorized|403 Forbidden|404 Not Found|405 Method Not Allowed|406 Not Acceptable|\
    408 Request Timeout|409 Conflict|410 Gone|412 Precondition Failed|413 Content Too Large|\
    414 URI Too Long|416 Range Not Satisfiable|418 I\u{2019}m a teapot|421 Misdirected Request|\
    422 Unprocessable Content|426 Upgrade Required|429 Too Many Requests|499 Client Closed Request|\
    500 Internal Server Error|501 Not Implemented|502 Bad Gateway|503 Service Unavailable|\
    504 Gateway Timeout";

/// The name of a country's two letters.
pub(super) fn country(code: &str) -> Option<&'static str> {
    of(COUNTRIES, code)
}

/// The name of a language's code.
pub(super) fn language(code: &str) -> Option<&'static str> {
    of(LANGUAGES, code)
}

/// The reason phrase of a status.
pub(super) fn status(code: &str) -> Option<&'static str> {
    of(STATUSES, code)
}

fn of(names: &'static str, code: &str) -> Option<&'static str> {
    let mut names = names.split('|').filter_map(|entry| entry.split_once(' '));
    names.find(|(known, _)| *known == code).map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transform::language::Language;

    #[test]
    fn codes_have_names() {
        assert_eq!(country("CI"), Some("C\u{f4}te d\u{2019}Ivoire"));
        assert_eq!((country("DE"), country("ZZ"), country("")), (Some("Germany"), None, None));
        assert_eq!((language("de"), status("404")), (Some("German"), Some("Not Found")));
        assert_eq!(COUNTRIES.split('|').count(), 249);
        for known in Language::ALL.into_iter().filter(|known| *known != Language::OTHER) {
            assert!(language(known.name()).is_some(), "{}", known.name());
        }
        for entry in [COUNTRIES, LANGUAGES, STATUSES].iter().flat_map(|names| names.split('|')) {
            assert_eq!(entry.trim(), entry, "{entry}");
            assert!(entry.split_once(' ').is_some_and(|(code, _)| code.len() <= 3), "{entry}");
        }
    }
}
