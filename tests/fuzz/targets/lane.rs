//! Any line in the formats of the fast lane: where nginx's format string takes the line too, both find the same in it.
#![no_main]

#[path = "shared.rs"]
mod shared;

use std::{collections::BTreeMap, sync::LazyLock};

use libfuzzer_sys::fuzz_target;
use tamis::field::{Field, LineMap};
use tamis::format::{Declared, Format, nginx};

const STRING: &str = concat!(
    r#"$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "#,
    r#""$http_referer" "$http_user_agent""#
);

/// The combined format as a template: with a variable of one's own, the string is not told to be that of the lane.
static TEMPLATE: LazyLock<Format> = LazyLock::new(|| {
    let declared = Declared(BTreeMap::from([("own".to_owned(), None)]));
    nginx::compile(STRING, &declared).expect("the string compiles")
});

fuzz_target!(|line: &[u8]| {
    for format in shared::formats(|name| matches!(name, "common" | "combined" | "vhost-combined")) {
        shared::map(&format, line);
    }
    let (mut lane, mut template) = (LineMap::default(), LineMap::default());
    let is_both = Format::combined().map(line, &mut lane).is_ok()
        && TEMPLATE.map(line, &mut template).is_ok();
    for field in Field::ALL.into_iter().filter(|_| is_both) {
        assert_eq!(lane.find(field, line), template.find(field, line), "{field:?}");
    }
});
