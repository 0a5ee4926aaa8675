//! The agent that stands for a family, for outputs in the form of a web server's own log.
//!
//! Each family has one constant text, made so that log analysers come to the same family as for
//! the originals, and so that the classifier returns exactly what it was made from: running over
//! an output a second time changes nothing. The texts were tried with GoAccess 1.7. They are not
//! meant to be sent to anybody, and nothing of an original is in them.

use super::vocabulary::{Browser, CLIENTS, Os, SYSTEMS, Shape};
use super::{Agent, Device};

impl Agent {
    /// The synthetic agent, `-` if nothing is known.
    ///
    /// It contains no quotes, backslashes or control characters.
    ///
    /// ```
    /// use tamis::transform::agent::Classifier;
    ///
    /// let agent = Classifier::new().classify(
    ///     b"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/126.0.0.0",
    /// );
    /// assert_eq!(agent.synthetic(), "Mozilla/5.0 (Windows NT 10.0) Chrome/126");
    /// ```
    pub fn synthetic(self) -> String {
        let platform = self.platform();
        let name = self.token();
        match self.browser {
            Browser::Other if self.bot => joined(&name, "+http", &platform),
            Browser::Other if platform.is_empty() => "-".to_owned(),
            Browser::Other => joined("Other", "", &platform),
            Browser::Mozilla => joined(&name, "compatible", &platform),
            Browser::IosWebView => joined("Mozilla/5.0", "", &platform) + " AppleWebKit",
            _ => match CLIENTS[self.browser as usize].shape {
                Shape::Linked => joined(&name, "+http", &platform),
                Shape::Tool | Shape::App => joined(&name, "", &platform),
                Shape::Masked => joined("Mozilla/5.0", &format!("compatible; {name}"), &platform),
                Shape::Page | Shape::Chromium | Shape::Inside | Shape::Webkit => {
                    format!("{} {name}{}", joined("Mozilla/5.0", "", &platform), self.engine())
                }
            },
        }
    }

    /// The system and, where that leaves it open, the device.
    fn platform(self) -> String {
        let system = SYSTEMS.get(self.os as usize).map_or("", |system| system.platform);
        let device = match (self.device, self.os) {
            (Device::Tablet, Os::Ios) => return "iPad; iOS".to_owned(),
            (Device::Mobile, Os::Ios) | (Device::Bot | Device::Desktop, _) => "",
            (Device::Mobile, _) => "Mobile",
            (Device::Tablet, _) => "Tablet",
            (Device::Other, Os::Linux | Os::Android | Os::Harmony) => "TV",
            (Device::Other, _) => "",
        };
        let view = if self.browser == Browser::AndroidWebView { "wv" } else { "" };
        let make = if self.huawei { "Huawei" } else { "" };
        [system, device, make, view]
            .into_iter()
            .filter(|part| !part.is_empty())
            .collect::<Vec<_>>()
            .join("; ")
    }

    /// The word of the family with its version.
    fn token(self) -> String {
        let word = match (self.browser, self.os) {
            (Browser::Other, _) => return "Bot".to_owned(),
            // Analysers that do not know these words call them Safari, as they do the originals.
            (Browser::Firefox, Os::Ios) => "FxiOS/",
            (Browser::Opera, _) => "Opera/",
            (Browser::AndroidBrowser, _) => "Safari/",
            (Browser::AndroidWebView, _) => "Chrome/",
            (browser, _) => CLIENTS[browser as usize].words.first().copied().unwrap_or_default(),
        };
        let word = word.trim_end_matches('$');
        match (self.version, word.as_bytes().last()) {
            (0, Some(last)) if last.is_ascii_alphanumeric() => word.to_owned(),
            (version, Some(last)) if last.is_ascii_alphanumeric() => format!("{word}/{version}"),
            (version, _) => format!("{word}{version}"),
        }
    }

    /// The engine that the family names beside itself, by which most analysers count it.
    fn engine(self) -> &'static str {
        let apple = matches!(self.os, Os::Ios | Os::Tv | Os::Watch);
        match (self.browser, CLIENTS[self.browser as usize].shape) {
            (Browser::Firefox, _) if apple => " Safari",
            (_, Shape::Chromium) if apple => " Safari",
            (_, Shape::Chromium) => " Chrome",
            (_, Shape::Inside) if self.os == Os::Android => " Chrome",
            (_, Shape::Webkit) => " Safari",
            _ => "",
        }
    }
}

/// `name (first; second)`, without what is empty.
fn joined(name: &str, first: &str, second: &str) -> String {
    match (first, second) {
        ("", "") => name.to_owned(),
        ("", only) | (only, "") => format!("{name} ({only})"),
        (first, second) => format!("{name} ({first}; {second})"),
    }
}
