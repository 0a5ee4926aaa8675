//! What published policies say of their own changes, as the service carries it out.

use std::fs;

use tamis::policy::preset;

use crate::desk::{Desk, Running};

const CONFIGURATION: &str = r#"
policy = "{}/policy.toml"
state_dir = "{}/state"
[[source]]
kind = "file"
path = "{}/access.log"
[sink]
kind = "file"
path = "{}/clean/access.jsonl"
[metrics]
listen = "{}/metrics.sock"
"#;

/// A service under a preset, which is then asked to keep the method too.
fn widened(name: &str) -> (Desk, Running) {
    let desk = Desk::new(CONFIGURATION);
    let policy = preset(name).expect("a preset");
    fs::write(desk.file("policy.toml"), policy).expect("ours");
    let running = desk.start();
    desk.wait("the start", || desk.ask("/health").is_some_and(|text| text.contains("200 OK")));
    let wider = policy.replacen("[record]\n", "[record]\nmethod = true\n", 1);
    fs::write(desk.file("policy.toml"), wider).expect("ours");
    running.signal("-HUP");
    (desk, running)
}

fn said(desk: &Desk) -> String {
    fs::read_to_string(desk.file("service.err")).unwrap_or_default()
}

#[test]
fn can_12_a_material_change_waits_until_somebody_says_that_it_is_meant() {
    let (desk, running) = widened("canonical-2012");
    desk.wait("the refusal", || said(&desk).contains("reload refused, nothing changed"));
    assert!(said(&desk).contains("keeps more than the one in use, by record.method"));
    assert!(!said(&desk).contains("reloaded"), "{}", said(&desk));
    assert_eq!(running.stop(), Some(0));
}

#[test]
fn wp_13_a_change_takes_effect_and_the_operator_is_told() {
    let (desk, running) = widened("wordpress-2011");
    desk.wait("the reload", || said(&desk).contains("reloaded; policy"));
    assert!(said(&desk).contains("keeps more than the one in use, by record.method"));
    assert_eq!(running.stop(), Some(0));
}
