//! `tamis policy explain`: what a policy makes of a line, and what a log carries.
//!
//! The line is one that the person gave, or a format's example; its raw text is shown to that person and to
//! nobody else. Of a log nothing is shown but names and shares.

use std::{fmt::Write as _, io::Read as _, path::PathBuf, process::ExitCode, sync::Arc};

use anyhow::{Context, Result, anyhow};
use serde_json::{Map, Value, json};

use super::{
    Usage, complain,
    formats::{code_of, origin},
    own, policies, print,
};
use crate::{
    cli::ExplainArgs,
    emit::{Emitter, Form, Rendered},
    field::{Field, Key},
    format::Format,
    policy::{ClientRule, Decision, Plan, Policy, keys_of, rule_of, tables_of},
    privacy::{
        CLIENTS_MIN, Findings, Kinds, LINES_MIN, NAMES_MAX, OpenedField, Outcome, ParamShare,
        RawBlock, Recognition, Survey, ThirdDoor,
    },
    source::{FormatChoice, Reader},
    transform::query::Values,
};

/// The longest line that is explained, and the longest of a log that is surveyed.
const LINE_BYTES_MAX: usize = 1 << 16;

/// Runs `tamis policy explain`.
pub(super) fn run(args: &ExplainArgs) -> Result<ExitCode> {
    let (policy, plan) = policies::load_both(&args.policy)?;
    let choice = own::named(&args.format)?;
    match &args.log {
        Some(log) => explain_log(args, &plan, choice, log.clone()),
        None => explain_line(args, &policy, plan, &choice),
    }
}

fn explain_line(
    args: &ExplainArgs,
    policy: &Policy,
    plan: Plan,
    choice: &FormatChoice,
) -> Result<ExitCode> {
    let (block, format) = line_of(args.line.as_deref(), choice)?;
    let line = block.lines().next();
    let line =
        line.ok_or_else(|| Usage("cannot explain a line without a byte; give one".to_owned()))?;
    let plan = Arc::new(plan);
    let mut emitter = Emitter::new(Form::Jsonl, &plan);
    let mut rendered = Rendered::default();
    let mut door = ThirdDoor::new(Arc::clone(&plan), LINE_BYTES_MAX);
    let (fields, outcome) =
        door.open(&format, line, |record| emitter.render(record, &mut rendered));
    let record: Map<String, Value> = match rendered.as_bytes() {
        b"" => Map::new(),
        record => serde_json::from_slice(record)
            .context("cannot read the record, which is a mistake in tamis")?,
    };
    let record = without_groups(record, &plan);
    let explained = Explained {
        policy,
        plan: &plan,
        format: &format,
        fields: &fields,
        outcome,
        record: &record,
    };
    match args.json {
        true => print(format!("{}\n", explained.json()).as_bytes()),
        false => print(explained.text().as_bytes()),
    }
}

/// The keys of a record with those in groups beside the others.
fn without_groups(record: Map<String, Value>, plan: &Plan) -> Map<String, Value> {
    if plan.groups.is_empty() {
        return record;
    }
    let groups = record.into_iter().filter_map(|(_, group)| match group {
        Value::Object(keys) => Some(keys),
        _ => None,
    });
    groups.flatten().collect()
}

/// The line to explain, alone in a block, and its format. A header before it names the format.
fn line_of(given: Option<&str>, choice: &FormatChoice) -> Result<(RawBlock, Format)> {
    let named = match choice {
        FormatChoice::Fixed(format) => Some(format.clone()),
        FormatChoice::Auto => None,
    };
    let mut block = RawBlock::with_capacity(LINE_BYTES_MAX + 2);
    match given {
        Some("-") => {
            let mut input = std::io::stdin().lock().take(LINE_BYTES_MAX as u64 + 1);
            while block.read_from(&mut input).context("cannot read standard input")? > 0 {}
        }
        Some(line) => _ = block.read_from(&mut line.as_bytes())?,
        None => {
            let example = named.clone().unwrap_or_else(Format::combined).example();
            block.read_from(&mut example.as_bytes())?;
        }
    }
    let detected = || Recognition::of(&block).best();
    let format = match named.or_else(detected) {
        Some(format) => format,
        None => {
            let nearest = Recognition::of(&block).nearest_names().join(" or ");
            return Err(Usage(format!(
                "cannot tell the format of the line; the nearest is {nearest}: name one with --format"
            ))
            .into());
        }
    };
    let mut rest = RawBlock::with_capacity(LINE_BYTES_MAX + 2);
    match block.take_directives(Some(&format), true, LINE_BYTES_MAX, &mut rest) {
        Some(format) => Ok((rest, format)),
        None => Ok((block, format)),
    }
}

/// A line with what became of it.
struct Explained<'a> {
    policy: &'a Policy,
    plan: &'a Plan,
    format: &'a Format,
    fields: &'a [OpenedField],
    outcome: Outcome,
    record: &'a Map<String, Value>,
}

impl Explained<'_> {
    /// The keys that are made of a field in this line: of a request in parts, each part has its own.
    fn keys(&self, field: Field) -> impl Iterator<Item = Key> {
        let is_asked = is_believed(field, self.plan);
        // What needs a file, or a name of a cookie, is spoken of where the policy has one.
        let rare = [Key::Network, Key::Country, Key::Organisation, Key::Cookie];
        let is_usual = move |key: &Key| !rare.contains(key);
        let known = move |key: &Key| is_asked && (is_usual(key) || self.plan.record.has(*key));
        keys_of(field).iter().copied().filter(known)
    }

    fn outcome(&self) -> String {
        match self.outcome {
            Outcome::Clean | Outcome::Held => match self.plan.release {
                None => "it becomes a record".to_owned(),
                Some(rule) => format!(
                    "it is held, and written like this only if at least {} visitors share it word by word; else it \
                     says less or nothing",
                    rule.k
                ),
            },
            Outcome::Refused(reason) => {
                format!("it is refused ({reason}), and nothing of it comes out")
            }
            Outcome::Filtered => "a [[drop]] rule leaves it out".to_owned(),
            Outcome::OptedOut => "the visitor opted out, and nothing of it comes out".to_owned(),
        }
    }

    /// What becomes of a key, and because of which words.
    fn fate(&self, key: Key) -> (Option<&Value>, String) {
        let value = self.record.get(key.name());
        let tables = tables_of(key)
            .iter()
            .filter(|table| self.plan.tables.has(**table))
            .map(|table| table.name());
        let tables: Vec<_> = tables.collect();
        let mut rule = rule_of(self.policy, key);
        let is_token = match key {
            Key::Client => matches!(self.plan.client, ClientRule::Token(_)),
            Key::Cookie => self.plan.cookie.is_some(),
            _ => false,
        };
        if is_token {
            rule += "; this command has no keys to make tokens with";
        }
        let why = match (self.plan.record.has(key), tables.is_empty()) {
            (true, _) => rule,
            (false, true) => rule,
            (false, false) => format!("{rule}; counts.tables has {}", tables.join(", ")),
        };
        (value, why)
    }

    fn text(&self) -> String {
        let mut text = format!(
            "A line of the format {} under the policy {}: {}.\n",
            self.format.name(),
            self.plan.name,
            self.outcome()
        );
        for OpenedField { field, raw } in self.fields {
            text += &format!("\n{}: {}\n", field.name(), raw.as_str());
            let mut is_used = false;
            for key in self.keys(*field) {
                is_used = true;
                let (value, why) = self.fate(key);
                let counted = !self.plan.record.has(key) && why.contains("counts.tables");
                let what = match value {
                    Some(value) => format!("{} {value}", key.name()),
                    None if counted && self.outcome == Outcome::Clean => {
                        format!("{} only in counts", key.name())
                    }
                    None => format!("{} nothing", key.name()),
                };
                text += &format!("    -> {what:<32}  {why}\n");
            }
            if !is_used || is_signal(*field, self.plan) {
                text += &format!("    -> {:<32}  {}\n", "nothing", self.signal(*field));
            }
        }
        if !self.fields.is_empty() {
            text += "\nWhatever else stands in the line (a user, an ident, other columns) is dropped \
                     under any policy.\n";
        }
        text
    }

    /// Why a field is looked at of which nothing is made.
    fn signal(&self, field: Field) -> &'static str {
        if !is_believed(field, self.plan) {
            NO_PROXY
        } else if is_signal(field, self.plan) {
            "opt_out: only asked whether the visitor opts out"
        } else {
            "opt_out does not ask for it"
        }
    }

    fn json(&self) -> Value {
        let fields = self.fields.iter().map(|OpenedField { field, raw }| {
            let keys = self.keys(*field).map(|key| {
                let (value, why) = self.fate(key);
                json!({"key": key.name(), "value": value, "rule": why})
            });
            let keys: Vec<_> = keys.collect();
            json!({"field": field.name(), "raw": raw.as_str(), "becomes": keys})
        });
        let fields: Vec<_> = fields.collect();
        json!({
            "policy": self.plan.name,
            "format": self.format.name(),
            "outcome": self.outcome(),
            "fields": fields,
        })
    }
}

fn explain_log(
    args: &ExplainArgs,
    plan: &Plan,
    choice: FormatChoice,
    log: PathBuf,
) -> Result<ExitCode> {
    let plan = Arc::new(plan.clone());
    let mut reader =
        Reader::new(vec![origin(log)], choice, LINE_BYTES_MAX).context("cannot make a pipe")?;
    let mut survey = Survey::new(Arc::clone(&plan), LINE_BYTES_MAX);
    let mut block = reader.new_block();
    while let Some(given) = reader.next(&mut block) {
        survey.refuse_long_lines(given.too_long);
        block.lines().for_each(|line| survey.add(&given.format, given.is_detected, line));
    }
    if let Some(failure) = reader.failures().first() {
        complain(failure);
        return Ok(ExitCode::from(code_of(failure)));
    }
    let findings = survey.findings();
    if findings.read == 0 {
        return Err(anyhow!("there is no line to look at"));
    }
    match args.json {
        true => print(format!("{}\n", log_json(&findings, &plan)).as_bytes()),
        false => print(log_text(&findings, &plan).as_bytes()),
    }
}

/// A share in per cent with one decimal; what is there is never told as zero.
fn percent(part: u64, whole: u64) -> String {
    match (part, whole) {
        (0, _) | (_, 0) => "0.0%".to_owned(),
        _ if part * 2_000 < whole => "<0.1%".to_owned(),
        _ => format!("{:.1}%", 100.0 * part as f64 / whole as f64),
    }
}

fn shares(kinds: &Kinds) -> String {
    let total = kinds.total();
    let seen = kinds.seen().into_iter();
    seen.map(|(kind, count)| format!("{} {}", kind.word(), percent(count, total)))
        .collect::<Vec<_>>()
        .join(", ")
}

/// Why what proxies say of a client is dropped.
const NO_PROXY: &str = "network.trusted_proxies has nobody whose word is believed";

/// Whether the field is asked at all: what proxies say is not where none is trusted.
const fn is_believed(field: Field, plan: &Plan) -> bool {
    !matches!(field, Field::Forwarded) || !plan.trusted_proxies.is_empty()
}

/// Whether the field is asked whether the visitor opts out.
const fn is_signal(field: Field, plan: &Plan) -> bool {
    let opt_out = &plan.opt_out;
    match field {
        Field::Dnt => opt_out.dnt.is_some(),
        Field::Gpc => opt_out.gpc.is_some(),
        Field::Cookie => opt_out.cookie.is_some(),
        _ => false,
    }
}

/// What the policy makes of a field.
fn field_fate(field: Field, plan: &Plan) -> String {
    let names = |keys: &[Key]| {
        let kept = keys.iter().filter(|key| plan.record.has(**key)).map(|key| key.name());
        kept.collect::<Vec<_>>().join(", ")
    };
    match plan.decision(field) {
        _ if !is_believed(field, plan) => format!("dropped: {NO_PROXY}"),
        Decision::Recorded => format!("becomes {}", names(keys_of(field))),
        Decision::Counted => "used in counts only".to_owned(),
        Decision::Dropped if is_signal(field, plan) => {
            "dropped, after it was asked whether the visitor opts out".to_owned()
        }
        Decision::Dropped => "dropped".to_owned(),
    }
}

fn param_fate(param: &ParamShare, plan: &Plan) -> String {
    let listed =
        plan.params.params().iter().find(|listed| Some(&listed.name) == param.name.as_ref());
    match listed {
        Some(listed) => match &listed.values {
            Values::Listed(values) => {
                format!("kept where it has one of {} listed values, else dropped", values.len())
            }
            Values::Pattern(_) => "kept where it has the policy's pattern, else dropped".to_owned(),
        },
        None => "dropped".to_owned(),
    }
}

const fn depth_name(depth: usize) -> (usize, &'static str) {
    if depth < crate::privacy::DEPTH_MAX { (depth + 1, "") } else { (depth + 1, " and deeper") }
}

fn log_text(findings: &Findings, plan: &Plan) -> String {
    let looked = findings.looked_at();
    let mut text = format!(
        "{} lines ({}) under the policy {}: {} clean, {} left out, {} opted out, {} refused\n",
        findings.read,
        if findings.formats.is_empty() {
            "no format".to_owned()
        } else {
            findings.formats.join(", ")
        },
        plan.name,
        findings.clean,
        findings.filtered,
        findings.opted_out,
        findings.refused.iter().map(|(_, count)| count).sum::<u64>(),
    );
    for (reason, count) in &findings.refused {
        let _ = writeln!(text, "    refused as {reason}: {count}");
    }
    text += "\nfields: in how many lines, and what becomes of them\n";
    for (field, count) in &findings.fields {
        let _ = writeln!(
            text,
            "  {:<24} {:>6}  {}",
            field.name(),
            percent(*count, looked),
            field_fate(*field, plan)
        );
    }
    text += "\nquery parameters: in how many lines, the shapes of their values, and what becomes of them\n";
    for param in &findings.params {
        let name = param.name.as_deref().unwrap_or("(rare names)");
        let share = match param.name {
            Some(_) => percent(param.lines, looked),
            None => format!("{}x", param.lines),
        };
        let _ = writeln!(
            text,
            "  {name:<24} {share:>6}  {}; {}",
            shares(&param.kinds),
            param_fate(param, plan)
        );
    }
    if findings.params.is_empty() {
        text += "  none\n";
    }
    if findings.names_overflowed {
        let _ = writeln!(
            text,
            "  (there are more than {NAMES_MAX} names; later ones are told with the rare ones)"
        );
    }
    text += "\npath segments: the shapes at each place\n";
    for (depth, kinds) in findings.segments.iter().enumerate() {
        let (number, more) = depth_name(depth);
        let place = format!("{number}{more}");
        let _ = writeln!(text, "  {place:<24} {}", shares(kinds));
    }
    let [shown, unknown, invalid] = findings.paths;
    if plan.record.has(Key::Path) {
        let all = shown + unknown + invalid;
        let _ = writeln!(
            text,
            "  paths in records: {} shown, {} (unknown), {} (invalid)",
            percent(shown, all),
            percent(unknown, all),
            percent(invalid, all)
        );
    } else {
        text += "  records have no path\n";
    }
    let _ = writeln!(
        text,
        "\nNames of parameters are told from {LINES_MIN} different lines and {CLIENTS_MIN} networks on; values never. \
         A word may still be a name: look before you keep it."
    );
    text
}

fn log_json(findings: &Findings, plan: &Plan) -> Value {
    let kinds = |kinds: &Kinds| {
        let seen = kinds.seen().into_iter();
        seen.map(|(kind, count)| (kind.word().to_owned(), json!(count))).collect::<Map<_, _>>()
    };
    let fields = findings.fields.iter().map(|(field, count)| {
        json!({"field": field.name(), "lines": count, "becomes": field_fate(*field, plan)})
    });
    let fields: Vec<_> = fields.collect();
    let params = findings.params.iter().map(|param| {
        json!({
            "name": param.name,
            "lines": param.lines,
            "shapes": kinds(&param.kinds),
            "becomes": param_fate(param, plan),
        })
    });
    let params: Vec<_> = params.collect();
    let refused: Map<_, _> = findings
        .refused
        .iter()
        .map(|(reason, count)| (reason.word().to_owned(), json!(count)))
        .collect();
    let [shown, unknown, invalid] = findings.paths;
    json!({
        "policy": plan.name,
        "formats": findings.formats,
        "read": findings.read,
        "clean": findings.clean,
        "filtered": findings.filtered,
        "opted_out": findings.opted_out,
        "refused": refused,
        "fields": fields,
        "params": params,
        "names_overflowed": findings.names_overflowed,
        "segments": findings.segments.iter().map(kinds).collect::<Vec<_>>(),
        "paths": {"shown": shown, "unknown": unknown, "invalid": invalid},
    })
}
