//! Values as people write them: durations, numbers of bytes, one word or several.

use std::time::Duration;

use serde::{Deserialize, Deserializer};

/// One word or several.
pub(super) fn words<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Words {
        One(String),
        Several(Vec<String>),
    }
    match Words::deserialize(deserializer) {
        Ok(Words::One(word)) => Ok(vec![word]),
        Ok(Words::Several(words)) => Ok(words),
        Err(_) => Err(serde::de::Error::custom("expected is a word or a list of words")),
    }
}

pub(super) fn duration<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    let text = String::deserialize(deserializer)?;
    read_duration(&text).ok_or_else(|| {
        serde::de::Error::custom("expected is a duration such as 500ms, 60s, 5m, 1h or 1d")
    })
}

pub(super) fn some_duration<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Duration>, D::Error> {
    duration(deserializer).map(Some)
}

pub(super) fn bytes<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    let text = String::deserialize(deserializer)?;
    read_bytes(&text).ok_or_else(|| {
        serde::de::Error::custom("expected is a number of bytes such as 64MiB or 1GiB")
    })
}

pub(super) fn some_bytes<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<u64>, D::Error> {
    bytes(deserializer).map(Some)
}

fn split(text: &str) -> Option<(u64, &str)> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    Some((text[..digits].parse().ok()?, &text[digits..]))
}

/// `500ms`, `60s`, `5m`, `1h`, `1d`.
#[must_use]
pub fn read_duration(text: &str) -> Option<Duration> {
    let (number, unit) = split(text)?;
    let milliseconds = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return None,
    };
    number
        .checked_mul(milliseconds)
        .filter(|milliseconds| *milliseconds > 0)
        .map(Duration::from_millis)
}

/// `65536`, `64KiB`, `64K`, `1MiB`, `1M`, `1MB`, `10GiB`; at least one byte.
#[must_use]
pub fn read_bytes(text: &str) -> Option<u64> {
    let (number, unit) = split(text)?;
    let factor = match unit {
        "" | "B" => 1,
        "K" | "KiB" => 1 << 10,
        "kB" | "KB" => 1_000,
        "M" | "MiB" => 1 << 20,
        "MB" => 1_000_000,
        "G" | "GiB" => 1 << 30,
        "GB" => 1_000_000_000,
        "T" | "TiB" => 1 << 40,
        "TB" => 1_000_000_000_000,
        _ => return None,
    };
    number.checked_mul(factor).filter(|bytes| *bytes > 0)
}
