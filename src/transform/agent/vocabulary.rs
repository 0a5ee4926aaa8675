//! The closed vocabulary of user agents: every name that may come out, and the words that lead to it.
//!
//! This file is a list and is read as one. Adding a client is one line here and one test case in
//! `tests.rs`. It decides nothing: which of several words wins is told by their order, and the
//! reading of an agent is in `mod.rs`. No text of an agent is ever copied, so a name that is
//! missing here comes out as `Other`, never as itself.
//!
//! Words are compared without regard to case. A word must not follow a letter or digit unless it
//! is written with a leading `*`, and must not be followed by one if it is written with a trailing
//! `$`. The first word of a client is also what the synthetic agent writes.

/// How the synthetic agent of a client is written, and whether the client is a program.
///
/// The shapes exist because log analysers look at more than the name. GoAccess, for one, calls
/// everything that is followed by a link a crawler.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// A program that gives its web address: `Name/1 (+http; Linux)`.
    Linked,
    /// A program that does not: `Name/1 (Linux)`.
    Tool,
    /// A program that hides in the form of a browser: `Mozilla/5.0 (compatible; Name/1; Linux)`.
    Masked,
    /// A person's application that is no browser: `Name/1 (Linux)`.
    App,
    /// A person's browser: `Mozilla/5.0 (Linux) Name/1`.
    Page,
    /// A browser that also calls itself Chrome, except on iOS: `Mozilla/5.0 (Linux) Name/1 Chrome`.
    Chromium,
    /// A view inside an application: as `Chromium` on Android, as `Page` elsewhere.
    Inside,
    /// A browser that also calls itself Safari: `Mozilla/5.0 (Linux) Name/1 Safari`.
    Webkit,
}

impl Shape {
    /// Whether a client of this shape is a program that nobody looks at.
    pub(super) const fn is_bot(self) -> bool {
        matches!(self, Self::Linked | Self::Tool | Self::Masked)
    }

    /// Whether a client of this shape shows pages to a person.
    pub(super) const fn is_page(self) -> bool {
        matches!(self, Self::Page | Self::Chromium | Self::Inside | Self::Webkit)
    }
}

/// What is known of one client.
pub(super) struct Client {
    pub(super) browser: Browser,
    pub(super) name: &'static str,
    pub(super) shape: Shape,
    pub(super) words: &'static [&'static str],
}

/// Writes the enum, its names and its table from one list, so that they cannot drift apart.
macro_rules! clients {
    ($($variant:ident $name:literal $shape:ident [$($word:literal),*];)*) => {
        /// The family of a client: a browser, an application, a crawler, a library.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(u8)]
        pub enum Browser {
            $(#[doc = $name] $variant,)*
            /// Whatever has no name here.
            #[default]
            Other,
        }

        /// Every client but `Other`, in order of precedence, indexed by the number of its variant.
        pub(super) const CLIENTS: &[Client] = &[$(Client {
            browser: Browser::$variant,
            name: $name,
            shape: Shape::$shape,
            words: &[$($word),*],
        },)*];

        impl Browser {
            /// Every family, in order of their numbers.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)* Self::Other];
        }
    };
}

clients! {
    // Search engines. Those that ride on a browser's agent must come before the browsers.
    AppEngine "AppEngine-Google" Linked ["AppEngine-Google"];
    GoogleAds "AdsBot-Google" Linked ["AdsBot-Google"];
    GoogleMedia "Mediapartners-Google" Tool ["Mediapartners-Google"];
    GoogleFeed "Feedfetcher-Google" Linked ["Feedfetcher-Google"];
    GoogleOther "GoogleOther" Linked [
        "GoogleOther", "Google-InspectionTool", "Google-Read-Aloud", "Google-Site-Verification",
        "Storebot-Google", "APIs-Google", "GoogleProducer", "Google Web Preview", "Google Favicon",
        "Google-Extended"
    ];
    GoogleImageProxy "GoogleImageProxy" Linked ["GoogleImageProxy"];
    Googlebot "Googlebot" Linked ["Googlebot"];
    Bingbot "bingbot" Linked ["bingbot", "adidxbot"];
    BingPreview "BingPreview" Masked ["BingPreview"];
    Msnbot "msnbot" Linked ["msnbot"];
    Slurp "Yahoo! Slurp" Linked ["Slurp"];
    DuckDuckBot "DuckDuckBot" Linked ["DuckDuckBot", "DuckDuckGo-Favicons-Bot", "DuckAssistBot"];
    Baiduspider "Baiduspider" Linked ["Baiduspider"];
    YandexBot "YandexBot" Linked [
        "YandexBot", "YandexImages", "YandexMobileBot", "YandexDirect", "YandexMetrika",
        "YandexAccessibilityBot", "YandexRenderResourcesBot", "YandexBlogs", "YandexFavicons",
        "YandexWebmaster", "YandexMedia", "YandexVideo", "YandexNews"
    ];
    Sogou "Sogou" Linked ["Sogou web spider/", "Sogou Pic Spider/", "Sogou inst spider/", "Sogou News Spider/"];
    Sosospider "Sosospider" Linked ["Sosospider"];
    Yeti "Yeti" Linked ["Yeti/", "NaverBot"];
    Daum "Daum" Linked ["Daumoa", "Daum/"];
    SeznamBot "SeznamBot" Linked ["SeznamBot"];
    Exabot "Exabot" Linked ["Exabot"];
    Applebot "Applebot" Linked ["Applebot"];
    PetalBot "PetalBot" Linked ["PetalBot", "AspiegelBot"];
    Bytespider "Bytespider" Linked ["Bytespider"];
    Qwantify "Qwantify" Linked ["Qwantify", "Qwantbot"];
    MojeekBot "MojeekBot" Linked ["MojeekBot"];
    Coccocbot "coccocbot" Linked ["coccocbot"];
    YisouSpider "YisouSpider" Tool ["YisouSpider"];
    Spider360 "360Spider" Masked ["360Spider"];
    MailRu "Mail.RU_Bot" Linked ["Mail.RU_Bot"];
    CcBot "CCBot" Linked ["CCBot"];
    ArchiveOrg "archive.org_bot" Masked ["archive.org_bot", "special_archiver"];
    IaArchiver "ia_archiver" Linked ["ia_archiver"];
    // Makers of language models.
    GptBot "GPTBot" Linked ["GPTBot"];
    ChatGpt "ChatGPT-User" Linked ["ChatGPT-User"];
    OaiSearch "OAI-SearchBot" Linked ["OAI-SearchBot"];
    ClaudeBot "ClaudeBot" Linked ["ClaudeBot", "anthropic-ai", "Claude-Web", "Claude-User", "Claude-SearchBot"];
    PerplexityBot "PerplexityBot" Linked ["PerplexityBot", "Perplexity-User"];
    Amazonbot "Amazonbot" Linked ["Amazonbot"];
    MetaAgent "meta-externalagent" Linked ["meta-externalagent", "meta-externalfetcher"];
    Diffbot "Diffbot" Linked ["Diffbot"];
    // Sellers of links and rankings.
    AhrefsBot "AhrefsBot" Linked ["AhrefsBot", "AhrefsSiteAudit"];
    SemrushBot "SemrushBot" Linked ["SemrushBot", "SiteAuditBot"];
    Mj12bot "MJ12bot" Linked ["MJ12bot"];
    DotBot "DotBot" Linked ["DotBot"];
    Rogerbot "rogerbot" Linked ["rogerbot"];
    Ezooms "Ezooms" Masked ["Ezooms"];
    BlexBot "BLEXBot" Linked ["BLEXBot"];
    DataForSeo "DataForSeoBot" Linked ["DataForSeoBot"];
    SeoKicks "SEOkicks" Linked ["SEOkicks"];
    Serpstat "serpstatbot" Linked ["serpstatbot"];
    Barkrowler "Barkrowler" Linked ["Barkrowler"];
    Magpie "magpie-crawler" Linked ["magpie-crawler"];
    Psbot "psbot" Linked ["psbot"];
    Turnitin "TurnitinBot" Linked ["TurnitinBot", "Turnitin"];
    // Previews of links in networks and messengers.
    FacebookHit "facebookexternalhit" Linked ["facebookexternalhit", "facebookcatalog", "Facebot"];
    TelegramBot "TelegramBot" Tool ["TelegramBot"];
    Twitterbot "Twitterbot" Tool ["Twitterbot"];
    LinkedInBot "LinkedInBot" Linked ["LinkedInBot"];
    Pinterest "Pinterestbot" Linked ["Pinterestbot"];
    Slackbot "Slackbot" Linked ["Slackbot", "Slack-ImgProxy"];
    Discordbot "Discordbot" Linked ["Discordbot"];
    WhatsApp "WhatsApp" Tool ["WhatsApp"];
    SkypePreview "SkypeUriPreview" Tool ["SkypeUriPreview"];
    Redditbot "redditbot" Linked ["redditbot"];
    Embedly "Embedly" Linked ["Embedly"];
    Iframely "Iframely" Linked ["Iframely"];
    Mastodon "Mastodon" Linked ["Mastodon"];
    Bluesky "Bluesky" Linked ["Bluesky"];
    LiveJournal "LiveJournal" Tool ["LiveJournal.com"];
    // Watchers of availability and speed.
    UptimeRobot "UptimeRobot" Linked ["UptimeRobot"];
    Pingdom "Pingdom" Linked ["Pingdom.com", "PingdomPageSpeed", "PingdomTMS"];
    StatusCake "StatusCake" Tool ["StatusCake"];
    Site24x7 "Site24x7" Tool ["Site24x7"];
    NewRelic "NewRelicPinger" Tool ["NewRelicPinger", "NewRelicSynthetics"];
    Lighthouse "Chrome-Lighthouse" Tool ["Chrome-Lighthouse"];
    GtMetrix "GTmetrix" Masked ["GTmetrix"];
    KubeProbe "kube-probe" Tool ["kube-probe"];
    ElbHealth "ELB-HealthChecker" Tool ["ELB-HealthChecker"];
    GoogleHc "GoogleHC" Tool ["GoogleHC"];
    Prometheus "Prometheus" Tool ["Prometheus", "Blackbox Exporter"];
    Zabbix "Zabbix" Tool ["Zabbix"];
    CheckHttp "check_http" Tool ["check_http"];
    Monit "Monit" Tool ["Monit/"];
    Consul "Consul" Tool ["Consul Health Check"];
    // Readers of feeds and podcasts.
    Feedly "Feedly" Linked ["Feedly"];
    Feedbin "Feedbin" Tool ["Feedbin"];
    FeedBurner "FeedBurner" Linked ["FeedBurner"];
    NewsBlur "NewsBlur" Linked ["NewsBlur"];
    Inoreader "Inoreader" Tool ["inoreader.com", "Inoreader"];
    TheOldReader "theoldreader.com" Tool ["theoldreader.com"];
    TinyTinyRss "Tiny Tiny RSS" Linked ["Tiny Tiny RSS"];
    FreshRss "FreshRSS" Linked ["FreshRSS"];
    Liferea "Liferea" Linked ["Liferea"];
    Miniflux "Miniflux" Linked ["Miniflux"];
    NetNewsWire "NetNewsWire" Linked ["NetNewsWire"];
    SimplePie "SimplePie" Tool ["SimplePie"];
    MagpieRss "MagpieRSS" Linked ["MagpieRSS"];
    FeedParser "UniversalFeedParser" Tool ["UniversalFeedParser", "feedparser"];
    Flipboard "Flipboard" Linked ["FlipboardProxy", "FlipboardRSS", "FlipboardBrowserProxy"];
    CommaFeed "CommaFeed" Linked ["CommaFeed"];
    Akregator "Akregator" Tool ["Akregator"];
    AppleCoreMedia "AppleCoreMedia" App ["AppleCoreMedia"];
    ITunes "iTunes" App ["iTunes", "Podcasts/", "Apple Podcasts"];
    // Scanners.
    Masscan "masscan" Tool ["masscan"];
    Zgrab "zgrab" Tool ["zgrab"];
    Nmap "Nmap" Tool ["Nmap Scripting Engine", "Nmap NSE", "Nmap"];
    Nikto "Nikto" Masked ["Nikto"];
    Sqlmap "sqlmap" Linked ["sqlmap"];
    Nuclei "Nuclei" Tool ["Nuclei"];
    WpScan "WPScan" Linked ["WPScan"];
    Censys "CensysInspect" Linked ["CensysInspect"];
    Expanse "Expanse" Tool ["Expanse"];
    Netcraft "NetcraftSurveyAgent" Tool ["NetcraftSurveyAgent", "Netcraft"];
    ZmEu "ZmEu" Tool ["ZmEu"];
    Arachni "Arachni" Tool ["Arachni"];
    Xenu "Xenu" Tool ["Xenu Link Sleuth", "Xenu"];
    HtTrack "HTTrack" Masked ["HTTrack"];
    // Programs that fetch, and the libraries that programs are written with.
    WordPress "WordPress" Linked ["WordPress"];
    W3c "W3C_Validator" Tool ["W3C_Validator", "W3C-checklink", "Validator.nu"];
    Nutch "Nutch" Linked ["Nutch"];
    Heritrix "heritrix" Linked ["heritrix"];
    ChefClient "Chef Client" Linked ["Chef Client/", "Chef Knife/"];
    Scrapy "Scrapy" Linked ["Scrapy"];
    HeadlessChrome "HeadlessChrome" Tool ["HeadlessChrome"];
    PhantomJs "PhantomJS" Masked ["PhantomJS"];
    Wget "Wget" Tool ["Wget"];
    PycUrl "PycURL" Tool ["PycURL"];
    Guzzle "GuzzleHttp" Tool ["GuzzleHttp", "Guzzle"];
    PythonRequests "python-requests" Tool ["python-requests"];
    PythonUrllib "Python-urllib" Tool ["Python-urllib"];
    Aiohttp "aiohttp" Tool ["Python-aiohttp", "aiohttp"];
    Httpx "python-httpx" Tool ["python-httpx"];
    Pip "pip" Tool ["pip/"];
    GoHttp "Go-http-client" Tool ["Go-http-client", "Go http package", "Go 1.1 package http"];
    ApacheHttp "Apache-HttpClient" Tool ["Apache-HttpClient", "Apache-HttpAsyncClient", "Jakarta Commons-HttpClient"];
    OkHttp "okhttp" Tool ["okhttp"];
    Java "Java" Tool ["Java/", "Google-HTTP-Java-Client"];
    Axios "axios" Tool ["axios"];
    NodeFetch "node-fetch" Tool ["node-fetch"];
    Undici "undici" Tool ["undici$"];
    Got "got" Linked ["got/", "got ("];
    Libwww "libwww-perl" Tool ["libwww-perl", "LWP::Simple", "lwp-trivial", "lwp-request"];
    Faraday "Faraday" Tool ["Faraday"];
    Ruby "Ruby" Tool ["Ruby$"];
    Php "PHP" Tool ["PHP/"];
    Curl "curl" Tool ["curl", "libcurl"];
    Httpie "HTTPie" Tool ["HTTPie"];
    Postman "PostmanRuntime" Tool ["PostmanRuntime"];
    Insomnia "insomnia" Tool ["insomnia"];
    PowerShell "PowerShell" Tool ["PowerShell", "WindowsPowerShell"];
    WinHttp "WinHttp" Tool ["WinHttp.WinHttpRequest", "WinHttp"];
    WebDav "Microsoft-WebDAV" Tool ["Microsoft-WebDAV-MiniRedir", "Microsoft Data Access Internet Publishing"];
    RestSharp "RestSharp" Tool ["RestSharp"];
    Reqwest "reqwest" Tool ["reqwest"];
    Aria2 "aria2" Tool ["aria2"];
    Nghttp2 "nghttp2" Tool ["nghttp2"];
    AwsSdk "AWS SDK" Tool ["aws-sdk", "aws-cli", "Boto3", "Boto/"];
    Libfetch "libfetch" Tool ["libfetch"];
    Git "git" Tool ["git/", "JGit/"];
    Apt "APT" Tool ["APT-HTTP", "APT-Cacher"];
    Homebrew "Homebrew" Tool ["Homebrew"];
    // Browsers that are built on another one and carry its name as well.
    Edge "Edge" Page ["Edge/", "Edg/", "EdgA/", "EdgiOS/"];
    OperaMini "Opera Mini" Page ["Opera Mini/", "OPiOS/"];
    Opera "Opera" Page ["OPR/", "OPT/", "OPX/", "Opera Mobi", "Opera Tablet", "Opera/", "Opera "];
    // Before those that were once built on it and are named after what they became.
    ExplorerMobile "IE Mobile" Page ["IEMobile/", "IEMobile "];
    Explorer "Internet Explorer" Page ["MSIE/", "MSIE ", "Trident/"];
    Samsung "Samsung Internet" Chromium ["SamsungBrowser"];
    Yandex "Yandex Browser" Chromium ["YaBrowser", "YaApp_"];
    Vivaldi "Vivaldi" Chromium ["Vivaldi"];
    Brave "Brave" Chromium ["Brave/", "Brave Chrome/"];
    Whale "Whale" Chromium ["Whale/"];
    CocCoc "Coc Coc" Chromium ["coc_coc_browser"];
    Uc "UC Browser" Webkit ["UCBrowser", "UCWEB", "UC Browser"];
    WeChat "WeChat" Inside ["MicroMessenger"];
    Qq "QQ Browser" Chromium ["QQBrowser", "MQQBrowser"];
    Miui "MIUI Browser" Chromium ["MiuiBrowser"];
    Huawei "Huawei Browser" Chromium ["HuaweiBrowser"];
    Heytap "HeyTap Browser" Chromium ["HeyTapBrowser"];
    Vivo "Vivo Browser" Chromium ["VivoBrowser"];
    Silk "Silk" Chromium ["Silk/", "Silk-Accelerated"];
    Puffin "Puffin" Chromium ["Puffin"];
    Maxthon "Maxthon" Chromium ["Maxthon"];
    Sleipnir "Sleipnir" Chromium ["Sleipnir"];
    Iron "Iron" Chromium ["Iron/"];
    Electron "Electron" Chromium ["Electron/"];
    DuckDuckGo "DuckDuckGo" Chromium ["DuckDuckGo/", "Ddg/"];
    Facebook "Facebook" Inside ["FBAV/", "FBAN/", "FB_IAB", "FBAN"];
    Instagram "Instagram" Inside ["Instagram "];
    Line "LINE" Inside ["Line/"];
    Snapchat "Snapchat" Inside ["Snapchat"];
    TikTok "TikTok" Inside ["TikTok", "musical_ly", "BytedanceWebview", "trill_"];
    TwitterApp "Twitter" Inside ["TwitterAndroid", "Twitter for "];
    PinterestApp "Pinterest" Inside ["Pinterest/"];
    GoogleApp "Google App" Chromium ["GSA/"];
    Focus "Firefox Focus" Chromium ["Focus/", "Klar/"];
    // The family of Gecko.
    Thunderbird "Thunderbird" Page ["Thunderbird"];
    Netscape "Netscape" Page ["Netscape", "Netscape6/", "Navigator/"];
    SeaMonkey "SeaMonkey" Page ["SeaMonkey"];
    PaleMoon "Pale Moon" Page ["PaleMoon"];
    Waterfox "Waterfox" Page ["Waterfox"];
    KMeleon "K-Meleon" Page ["K-Meleon"];
    Camino "Camino" Page ["Camino"];
    Galeon "Galeon" Page ["Galeon"];
    Epiphany "Epiphany" Webkit ["Epiphany", "GNOME Web"];
    Conkeror "Conkeror" Page ["Conkeror"];
    Firebird "Firebird" Page ["Firebird", "Phoenix/"];
    Iceweasel "Iceweasel" Page ["Iceweasel", "IceCat", "Iceape"];
    Firefox "Firefox" Page [
        "Firefox/", "FxiOS/", "BonEcho/", "GranParadiso/", "Minefield/", "Shiretoko/", "Namoroka/",
        "LibreWolf/"
    ];
    // The engines themselves. Three of these are told from circumstances and have no words.
    AndroidWebView "Android WebView" Page [];
    AndroidBrowser "Android Browser" Page [];
    IosWebView "iOS WebView" Page [];
    Chromium "Chromium" Chromium ["Chromium"];
    Chrome "Chrome" Page ["Chrome/", "CriOS/", "CrMo/"];
    Konqueror "Konqueror" Page ["Konqueror"];
    Rekonq "Rekonq" Webkit ["rekonq"];
    Falkon "Falkon" Webkit ["Falkon", "QupZilla"];
    Midori "Midori" Webkit ["Midori"];
    OmniWeb "OmniWeb" Webkit ["OmniWeb"];
    ICab "iCab" Page ["iCab"];
    NetFront "NetFront" Page ["NetFront"];
    Nintendo "Nintendo Browser" Page ["NintendoBrowser"];
    Dolphin "Dolphin" Webkit ["Dolphin"];
    Safari "Safari" Page ["Safari/", "MobileSafari/"];
    // Text browsers and small phones.
    Lynx "Lynx" App ["Lynx"];
    Links "Links" App ["Links/", "Links (", "ELinks"];
    W3m "w3m" App ["w3m"];
    Dillo "Dillo" App ["Dillo"];
    NetSurf "NetSurf" App ["NetSurf"];
    UpBrowser "UP.Browser" App ["UP.Browser"];
    Obigo "Obigo" App ["Obigo"];
    Semc "SEMC Browser" App ["SEMC-Browser"];
    // The libraries of phones: somebody's application, and thus a person.
    Dalvik "Dalvik" App ["Dalvik"];
    Office "Microsoft Office" App ["Microsoft Office", "MSOffice"];
    CfNetwork "CFNetwork" App ["CFNetwork"];
    // Nothing but the word that all of them begin with.
    Mozilla "Mozilla" Page ["Mozilla/", "Mozilla"];
}

/// The family of an operating system, or of the machine where that says more.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Os {
    /// Microsoft's Xbox.
    Xbox,
    /// Sony's PlayStation.
    PlayStation,
    /// Nintendo's Wii, 3DS and Switch.
    Nintendo,
    /// Windows on telephones.
    WindowsPhone,
    /// Huawei's HarmonyOS.
    Harmony,
    /// KaiOS, and Firefox OS, which it was made of.
    Kai,
    /// Samsung's and others' Tizen.
    Tizen,
    /// LG's and before that Palm's webOS.
    Web,
    /// Android.
    Android,
    /// BlackBerry.
    BlackBerry,
    /// Symbian.
    Symbian,
    /// The system of the Apple TV.
    Tv,
    /// The system of Apple's watch.
    Watch,
    /// The system of iPhone, iPod and iPad.
    Ios,
    /// Windows on computers.
    Windows,
    /// macOS, from its first version.
    Mac,
    /// ChromeOS.
    Chrome,
    /// The BSD family.
    Bsd,
    /// Small telephones that run Java.
    JavaMe,
    /// Linux on computers and things.
    Linux,
    /// The remaining Unix systems.
    Unix,
    /// Whatever has no name here.
    #[default]
    Other,
}

/// What is known of one operating system.
pub(super) struct System {
    pub(super) os: Os,
    pub(super) name: &'static str,
    /// How the synthetic agent writes it; GoAccess was tried with each of these.
    pub(super) platform: &'static str,
    pub(super) words: &'static [&'static str],
}

/// One row of the table below, which reads better without the names of the columns.
const fn system(
    os: Os,
    name: &'static str,
    platform: &'static str,
    words: &'static [&'static str],
) -> System {
    System { os, name, platform, words }
}

/// Every system but `Other`, in order of precedence, indexed by the number of its variant.
///
/// Telephones come first, because they name the systems that they are made of or like.
pub(super) const SYSTEMS: &[System] = &[
    system(Os::Xbox, "Xbox", "Windows NT 10.0; Xbox", &["Xbox"]),
    system(Os::PlayStation, "PlayStation", "PlayStation", &["PlayStation"]),
    system(Os::Nintendo, "Nintendo", "Nintendo", &["Nintendo"]),
    system(
        Os::WindowsPhone,
        "Windows Phone",
        "Windows Phone 8.1",
        &["Windows Phone", "Windows Mobile", "Windows CE", "WPDesktop", "IEMobile", "ZuneWP"],
    ),
    system(Os::Harmony, "HarmonyOS", "Android; HarmonyOS", &["HarmonyOS", "OpenHarmony"]),
    system(Os::Kai, "KaiOS", "KAIOS", &["KAIOS"]),
    system(Os::Tizen, "Tizen", "Linux; Tizen", &["Tizen", "Bada"]),
    system(Os::Web, "webOS", "Linux; Web0S", &["Web0S", "webOS", "hpwOS", "NetCast"]),
    system(Os::Android, "Android", "Android", &["Android", "Adr "]),
    system(Os::BlackBerry, "BlackBerry", "BlackBerry", &["BlackBerry", "BB10", "PlayBook"]),
    system(
        Os::Symbian,
        "Symbian",
        "SymbianOS",
        &["Symbian", "SymbOS", "Series60", "Series40", "S60/"],
    ),
    system(Os::Tv, "tvOS", "AppleTV", &["AppleTV", "Apple TV", "tvOS"]),
    system(Os::Watch, "watchOS", "watchOS", &["watchOS"]),
    system(Os::Ios, "iOS", "iPhone; iOS", &["iPhone", "iPad", "iPod", "iOS", "iPadOS"]),
    system(
        Os::Windows,
        "Windows",
        "Windows NT 10.0",
        &["Windows", "WinNT", "Win98", "Win95", "Win 9x", "Win32", "Win64", "Win16", "CYGWIN_NT"],
    ),
    system(
        Os::Mac,
        "macOS",
        "Macintosh; Mac OS X",
        &[
            "Mac OS X",
            "Macintosh",
            "Mac_PowerPC",
            "Mac_PPC",
            "macOS",
            "MacBook",
            "iMac",
            "Macmini",
            "OS X",
        ],
    ),
    system(Os::Chrome, "ChromeOS", "X11; CrOS", &["CrOS"]),
    system(Os::Bsd, "BSD", "X11; FreeBSD", &["FreeBSD", "OpenBSD", "NetBSD", "DragonFly"]),
    system(Os::JavaMe, "Java ME", "J2ME/MIDP", &["J2ME", "MIDP", "MAUI"]),
    system(
        Os::Linux,
        "Linux",
        "Linux",
        &["Linux", "Ubuntu", "Debian", "Fedora", "SUSE", "CentOS", "Red Hat", "Gentoo"],
    ),
    system(
        Os::Unix,
        "Unix",
        "X11; SunOS",
        &["SunOS", "AIX", "HP-UX", "IRIX", "OSF1", "X11", "QNX"],
    ),
];

impl Os {
    /// Every family, in order of their numbers.
    pub const ALL: &'static [Self] = &[
        Self::Xbox,
        Self::PlayStation,
        Self::Nintendo,
        Self::WindowsPhone,
        Self::Harmony,
        Self::Kai,
        Self::Tizen,
        Self::Web,
        Self::Android,
        Self::BlackBerry,
        Self::Symbian,
        Self::Tv,
        Self::Watch,
        Self::Ios,
        Self::Windows,
        Self::Mac,
        Self::Chrome,
        Self::Bsd,
        Self::JavaMe,
        Self::Linux,
        Self::Unix,
        Self::Other,
    ];
}

/// A circumstance that decides together with others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Sign {
    /// The library of applications on Apple machines, mostly telephones.
    AppleNetwork,
    /// The kernel of Apple machines.
    Darwin,
    /// A telephone or something small.
    Mobile,
    /// A tablet.
    Tablet,
    /// A television or a box beside one.
    Television,
    /// The engine of most browsers, noted only because the same text always follows.
    Engine,
    /// The version of Safari, late Opera and the Android browser stands here and not at the name.
    Version,
    /// The version of Internet Explorer 11 stands here.
    Revision,
    /// The word with which others than Netscape began to say that they are like Netscape.
    Compatible,
    /// A view of Android inside an application.
    View,
    /// A word that only programs use of themselves.
    Robot,
    /// A make of telephones whose name ends like a robot's.
    NoRobot,
    /// A make of telephones that analysers tell apart.
    Huawei,
    /// A web address, which people's browsers do not carry.
    Link,
}

/// The words of each sign.
pub(super) const SIGNS: &[(Sign, &[&str])] = &[
    (Sign::AppleNetwork, &["CFNetwork"]),
    (Sign::Darwin, &["*Darwin"]),
    (Sign::Mobile, &["*Mobile", "Mobi/", "Phone$"]),
    (Sign::Tablet, &["Tablet", "iPad", "PlayBook", "Kindle"]),
    (
        Sign::Television,
        &["*TV$", "BRAVIA", "CrKey", "Roku", "AFTB$", "AFTM$", "AFTN$", "AFTS$", "AFTT$"],
    ),
    (Sign::Engine, &["AppleWebKit/"]),
    (Sign::Version, &["Version/"]),
    (Sign::Revision, &["rv:"]),
    (Sign::Compatible, &["compatible"]),
    (Sign::View, &["wv)"]),
    (
        Sign::Robot,
        &[
            "*bot$",
            "*crawl",
            "*spider$",
            "*scraper",
            "*fetcher",
            "*archiver",
            "*indexer",
            "*harvest",
            "*checker",
            "*validator",
            "*scanner",
            "*http_client",
            "*http_request",
            "*httpclient",
            "*http-client",
            "*library$",
            "*preview$",
            "*uptime",
            "*headless",
            "*${jndi:",
            "*() {",
            "*webcopier",
            "*feedreader",
            "*probe$",
            "RSS$",
            "*survey$",
        ],
    ),
    (Sign::NoRobot, &["CUBOT"]),
    (Sign::Huawei, &["*Huawei"]),
    (Sign::Link, &["*+http", "*(http:", "*(https:", "*; http:", "*; https:", "*( http", "*, http"]),
];
