//! Rules that are right, and what they find.

use super::*;

#[test]
fn our_own_rules_are_right() {
    let files: Vec<(String, String)> =
        SHIPPED.iter().map(|(file, text)| ((*file).to_owned(), (*text).to_owned())).collect();
    if let Err(error) = Rules::only(&files) {
        panic!("{error}");
    }
}
