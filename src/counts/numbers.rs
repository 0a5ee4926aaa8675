//! Numbers as people read them: grouped digits, sizes, shares.
//!
//! One way for the terminal, the page and the closing summary, so that the same count looks the same everywhere.

/// `1,234,567`.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `1,234,567`, and from a thousand millions on `1.2 billion`.
pub(crate) fn brief(number: u64) -> String {
    let mut value = number as f64;
    if value < 1e9 {
        return grouped(number);
    }
    value /= 1e9;
    for unit in ["billion", "trillion", "quadrillion"] {
        if value < 1000.0 {
            return format!("{value:.1} {unit}");
        }
        value /= 1000.0;
    }
    format!("{value:.1} quintillion")
}

/// `12.3 MB`, in powers of a thousand.
pub(crate) fn size(bytes: u64) -> String {
    let mut value = bytes as f64;
    for unit in ["B", "kB", "MB", "GB", "TB", "PB"] {
        if value < 1000.0 {
            return if unit == "B" { format!("{bytes} B") } else { format!("{value:.1} {unit}") };
        }
        value /= 1000.0;
    }
    format!("{value:.1} EB")
}

/// What part of `whole` `part` is: `31.5%`.
///
/// A part that is there is never told as nothing, and one that is not all never as all. Of nothing there is no part.
pub(crate) fn share(part: u64, whole: u64) -> String {
    match part {
        _ if whole == 0 => "–".to_owned(),
        0 => "0%".to_owned(),
        part if part >= whole => "100%".to_owned(),
        part => match (u128::from(part) * 1000 + u128::from(whole) / 2) / u128::from(whole) {
            0 => "<0.1%".to_owned(),
            1000.. => ">99.9%".to_owned(),
            tenths => format!("{}.{}%", tenths / 10, tenths % 10),
        },
    }
}

/// `1 request`, `2 requests`.
pub(crate) fn count(number: u64, of_one: &str, of_many: &str) -> String {
    format!("{} {}", grouped(number), if number == 1 { of_one } else { of_many })
}

/// A sum that stops at the largest number.
pub(crate) fn sum(numbers: impl Iterator<Item = u64>) -> u64 {
    numbers.fold(0, u64::saturating_add)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_stand_in_groups_of_three() {
        for (number, expect) in [
            (0, "0"),
            (999, "999"),
            (1_000, "1,000"),
            (1_234_567, "1,234,567"),
            (u64::MAX, "18,446,744,073,709,551,615"),
        ] {
            assert_eq!(grouped(number), expect);
        }
    }

    #[test]
    fn very_large_numbers_are_told_in_words() {
        for (number, expect) in [
            (999_999_999, "999,999,999"),
            (1_000_000_000, "1.0 billion"),
            (12_345_678_901_234, "12.3 trillion"),
            (u64::MAX, "18.4 quintillion"),
        ] {
            assert_eq!(brief(number), expect);
        }
    }

    #[test]
    fn sizes_have_one_digit_after_the_point() {
        for (bytes, expect) in [
            (0, "0 B"),
            (999, "999 B"),
            (1_500, "1.5 kB"),
            (2_000_000_000_000, "2.0 TB"),
            (u64::MAX, "18.4 EB"),
        ] {
            assert_eq!(size(bytes), expect);
        }
    }

    #[test]
    fn shares_do_not_round_to_nothing_or_to_all() {
        for (part, whole, expect) in [
            (0, 0, "–"),
            (1, 0, "–"),
            (0, 7, "0%"),
            (1, 3, "33.3%"),
            (2, 3, "66.7%"),
            (1, 100_000, "<0.1%"),
            (99_999, 100_000, ">99.9%"),
            (7, 7, "100%"),
            (9, 7, "100%"),
            (u64::MAX - 1, u64::MAX, ">99.9%"),
        ] {
            assert_eq!(share(part, whole), expect, "{part} of {whole}");
        }
    }

    #[test]
    fn one_is_not_many() {
        assert_eq!(count(1, "row", "rows"), "1 row");
        assert_eq!(count(1_000, "row", "rows"), "1,000 rows");
        assert_eq!(sum([u64::MAX, 1].into_iter()), u64::MAX);
    }
}
