//! User agents, brought down to a closed vocabulary.
//!
//! An agent is free text from the visitor's machine: it may hold an e-mail address, the name of a
//! device, the address of a site. What comes out of here is a family of clients and one of systems,
//! both from the lists in `vocabulary.rs`, a kind of device, and a major version of at most three
//! digits. Nothing is copied; a text that no word of the lists describes is `Other`.
//!
//! One pass of an automaton over the bytes finds all words at once (`words.rs`), whatever their
//! number. The order of the lists then decides between them, as it must, since a browser names
//! all those that it wants to be taken for; the few rules that an order cannot tell are here.
//!
//! It does not verify: an agent that claims to be a browser is taken for one. It does not keep
//! minor versions, models or languages. It has no cache; the caller keeps one.

mod automaton;
mod synthetic;
mod vocabulary;
mod words;

pub use self::vocabulary::{Browser, Os};
use self::vocabulary::{CLIENTS, SYSTEMS, Sign};
use self::words::{Found, Words};

/// The versions of Safari itself end here: from 85 on, the number at its name is a build of WebKit.
const SAFARI_VERSION_MAX: u16 = 84;

/// What is left of an agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Agent {
    /// The family of the client.
    pub browser: Browser,
    /// The major version, 1 to 999, or 0 if there is none.
    pub version: u16,
    /// The family of the operating system.
    pub os: Os,
    /// What kind of device it runs on.
    pub device: Device,
    /// Whether it is a program rather than a person.
    pub bot: bool,
    /// Whether the device says that Huawei made it.
    ///
    /// This is for [`Agent::synthetic`] only and belongs in no other output: GoAccess counts the
    /// browsers of these telephones, a twentieth of some logs, as `Others` instead of by family.
    pub huawei: bool,
}

impl Agent {
    /// A program of which nothing is known yet.
    const ROBOT: Self = Self {
        browser: Browser::Other,
        version: 0,
        os: Os::Other,
        device: Device::Bot,
        bot: true,
        huawei: false,
    };
}

/// The kind of a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
#[repr(u8)]
pub enum Device {
    /// A computer.
    Desktop,
    /// A telephone.
    Mobile,
    /// A tablet.
    Tablet,
    /// No device, but a program.
    Bot,
    /// A television, a console, or unknown.
    #[default]
    Other,
}

/// Brings agents down to the vocabulary. Build it once and share it.
#[derive(Debug)]
pub struct Classifier {
    words: Words,
}

impl Classifier {
    /// Builds the automaton, which takes about a millisecond.
    pub fn new() -> Self {
        Self { words: Words::new() }
    }

    /// The memory of the automaton, in bytes.
    pub fn memory_bytes(&self) -> usize {
        self.words.memory_bytes()
    }

    /// Brings an agent down to the vocabulary. The bytes are unescaped and may be anything.
    pub fn classify(&self, agent: &[u8]) -> Agent {
        let found = self.words.find(agent);
        let os = system(&found);
        if found.browser.is_bot() {
            let version = found.version_at_name(agent);
            return Agent { browser: found.browser, version, os, ..Agent::ROBOT };
        }
        if is_robot(&found) {
            return Agent { os, ..Agent::ROBOT };
        }
        let (browser, version) = client(agent, &found, os);
        let device = device(browser, os, &found);
        let huawei = found.has(Sign::Huawei) && os == Os::Android;
        Agent { browser, version, os, device, bot: false, huawei }
    }
}

impl Default for Classifier {
    fn default() -> Self {
        Self::new()
    }
}

/// Whether a client without a name of its own shows that it is a program.
fn is_robot(found: &Found) -> bool {
    found.has(Sign::Link) || (found.has(Sign::Robot) && !found.has(Sign::NoRobot))
}

/// The system, where the words of systems alone do not tell it.
fn system(found: &Found) -> Os {
    match found.os {
        Os::Other if found.has(Sign::AppleNetwork) => Os::Ios,
        Os::Other if found.has(Sign::Darwin) => Os::Mac,
        os => os,
    }
}

/// The family and version of a person's client, where the order of words does not tell it.
fn client(agent: &[u8], found: &Found, os: Os) -> (Browser, u16) {
    let named = found.version_at_name(agent);
    match found.browser {
        // A view inside an application gives its own version before that of Chrome.
        Browser::Chrome
            if os == Os::Android && (found.has(Sign::View) || found.has(Sign::Version)) =>
        {
            (Browser::AndroidWebView, named)
        }
        Browser::Safari => {
            let browser = if os == Os::Android { Browser::AndroidBrowser } else { Browser::Safari };
            let version =
                if found.has(Sign::Version) { found.version_of_its_own(agent) } else { named };
            (browser, if version > SAFARI_VERSION_MAX { 0 } else { version })
        }
        // From version 10 on, Opera says 9.80 at its name, for the sake of sites that read one digit.
        Browser::Opera if found.has(Sign::Version) => {
            (Browser::Opera, found.version_of_its_own(agent))
        }
        // Version 11 dropped its name; the version of Trident is another one.
        Browser::Explorer if found.has(Sign::Revision) => {
            (Browser::Explorer, found.version_of_revision(agent))
        }
        Browser::Mozilla if os == Os::Ios => (Browser::IosWebView, 0),
        // Netscape never gave its name, only that of its engine.
        Browser::Mozilla
            if named < 5 && named > 0 && os != Os::Other && !found.has(Sign::Compatible) =>
        {
            (Browser::Netscape, named)
        }
        browser => (browser, named),
    }
}

/// The kind of device, told from the system first and then from the words that it leaves open.
fn device(browser: Browser, os: Os, found: &Found) -> Device {
    let told = if found.has(Sign::Television) {
        Some(Device::Other)
    } else if found.has(Sign::Tablet) {
        Some(Device::Tablet)
    } else if found.has(Sign::Mobile) {
        Some(Device::Mobile)
    } else {
        None
    };
    match os {
        Os::Windows | Os::Mac | Os::Chrome | Os::Bsd | Os::Unix => Device::Desktop,
        Os::Linux => told.unwrap_or(Device::Desktop),
        // Browsers on Android say Mobile or are on a tablet; applications do not say it.
        Os::Android | Os::Harmony => {
            told.unwrap_or(if browser.says_mobile() { Device::Tablet } else { Device::Mobile })
        }
        Os::Ios if found.has(Sign::Tablet) => Device::Tablet,
        Os::Ios => Device::Mobile,
        Os::WindowsPhone | Os::Kai | Os::BlackBerry | Os::Symbian | Os::JavaMe => {
            if told == Some(Device::Tablet) { Device::Tablet } else { Device::Mobile }
        }
        Os::Xbox | Os::PlayStation | Os::Nintendo | Os::Tv | Os::Watch => Device::Other,
        Os::Tizen | Os::Web | Os::Other => told.unwrap_or(Device::Other),
    }
}

impl Browser {
    /// How many families there are.
    pub const COUNT: usize = Self::ALL.len();

    /// The word that appears in outputs.
    pub fn name(self) -> &'static str {
        CLIENTS.get(self as usize).map_or("Other", |client| client.name)
    }

    /// Whether clients of this family are programs.
    fn is_bot(self) -> bool {
        CLIENTS.get(self as usize).is_some_and(|client| client.shape.is_bot())
    }

    /// Whether clients of this family say `Mobile` on a telephone.
    fn says_mobile(self) -> bool {
        let silent = matches!(
            self,
            Self::OperaMini | Self::Uc | Self::Instagram | Self::Facebook | Self::Other
        );
        !silent && CLIENTS.get(self as usize).is_some_and(|client| client.shape.is_page())
    }
}

impl Os {
    /// How many families there are.
    pub const COUNT: usize = Self::ALL.len();

    /// The word that appears in outputs.
    pub fn name(self) -> &'static str {
        SYSTEMS.get(self as usize).map_or("Other", |system| system.name)
    }
}

impl Device {
    /// Every kind, in order of their numbers.
    pub const ALL: &'static [Self] =
        &[Self::Desktop, Self::Mobile, Self::Tablet, Self::Bot, Self::Other];

    /// How many kinds there are.
    pub const COUNT: usize = Self::ALL.len();

    /// The word that appears in outputs.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Desktop => "desktop",
            Self::Mobile => "mobile",
            Self::Tablet => "tablet",
            Self::Bot => "bot",
            Self::Other => "other",
        }
    }
}

#[cfg(test)]
mod tests;
