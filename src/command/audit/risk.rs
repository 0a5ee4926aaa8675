//! `tamis audit risk`: how many clean records stand alone, in plain words.

use std::{
    fmt::Write as _,
    io::{self, BufReader},
    os::unix::ffi::OsStrExt as _,
    path::PathBuf,
    process::ExitCode,
};

use anyhow::{Result, anyhow};
use serde_json::{Value, json};

use super::walk;
use crate::{
    audit::{Advice, KS, NotClean, Records, Risk, advise, measure},
    cli::RiskArgs,
    command::print,
    counts::numbers::{count, grouped, share},
    source,
};

const STEPS: &str = "Each step keeps those before it. Where few records are left, a policy that holds records leaves \
                     them out: [release].\n";

/// Runs `tamis audit risk`.
pub(super) fn run(args: &RiskArgs) -> Result<ExitCode> {
    let mut records = Records::default();
    let (stdin, named): (Vec<_>, Vec<_>) =
        args.clean.iter().cloned().partition(|path| path.as_os_str() == "-");
    let (files, failures) = walk::files(&named);
    if let Some((path, error)) = failures.first() {
        return Err(anyhow!("cannot look at {}: {error}; name what is there", path.display()));
    }
    if !stdin.is_empty() {
        records
            .add(&mut io::stdin().lock())
            .map_err(|error| anyhow!("cannot read the records of standard input: {error}"))?;
    }
    // What lies hidden in folders, such as the manifest of a batch, are no records.
    let is_hidden =
        |path: &PathBuf| path.file_name().is_some_and(|name| name.as_bytes()[0] == b'.');
    for path in files.into_iter().filter(|path| named.contains(path) || !is_hidden(path)) {
        let mut found = Ok(());
        let read = source::contents(&path, |content| {
            found = records.add(&mut BufReader::with_capacity(1 << 18, content));
            // The rest of an archive is of no use after that.
            if found.is_ok() { Ok(()) } else { Err(io::ErrorKind::InvalidData.into()) }
        });
        let said = found.err().or(read.err().map(NotClean::Io));
        if let Some(error) = said {
            return Err(anyhow!("cannot read the records of {}: {error}", path.display()));
        }
    }
    if records.count == 0 {
        return Err(anyhow!("there is no record to look at; name a file that has some"));
    }
    let risk = measure(&records.read);
    let advice = advise(&records.read, u64::from(args.k));
    let text = match args.json {
        true => format!("{}\n", json_of(&risk, &advice, records.count)),
        false => text_of(&risk, &advice, records.count),
    };
    print(text.as_bytes())
}

fn text_of(risk: &Risk, advice: &Advice, records: u64) -> String {
    let all = risk.records;
    let mut text = format!(
        "{} in {} that are alike",
        count(all, "record", "records"),
        count(risk.classes, "group", "groups")
    );
    if records > all {
        let _ = write!(
            text,
            "; {} more were not measured, so that this is the worst that it can be",
            grouped(records - all)
        );
    }
    text += "\n\nHow many records have fewer like them, themselves counted\n";
    for (under, k) in risk.under.iter().zip(KS) {
        let what = if k == 2 { "stand alone".to_owned() } else { format!("fewer than {k}") };
        let _ = writeln!(text, "  {what:<16} {:>12}  {:>6}", grouped(*under), share(*under, all));
    }
    let _ = writeln!(
        text,
        "\nWhat a record says: {:.1} of {:.1} bits, with which each record would stand alone",
        risk.entropy,
        (all as f64).log2()
    );
    for field in &risk.fields {
        let _ = writeln!(
            text,
            "  {:<16} {:>5.1} bits  {:>10} values  {:>10} records alone by it",
            field.facet.name(),
            field.entropy,
            grouped(field.values),
            grouped(field.unique)
        );
    }
    text += "\nSingling out\n";
    let singled = &risk.singled;
    let _ = writeln!(
        text,
        "  by two fields    {:>12}  {:>6}",
        grouped(singled.by_two),
        share(singled.by_two, all)
    );
    let _ = writeln!(
        text,
        "  by three fields  {:>12}  {:>6}",
        grouped(singled.by_three),
        share(singled.by_three, all)
    );
    if let Some((fields, number)) = &singled.most {
        let _ = writeln!(text, "  most by {}: {}", fields.join(" and "), grouped(*number));
    }
    text += "\nLinking\n";
    let chains = &risk.chains;
    let _ = writeln!(
        text,
        "  {} ({}) can be joined to {} by client and agent, the longest of {}",
        count(chains.joined, "record", "records"),
        share(chains.joined, all),
        count(chains.chains, "visit", "visits"),
        count(chains.longest, "record", "records")
    );
    text + &advice_text(advice, all)
}

fn advice_text(advice: &Advice, all: u64) -> String {
    let k = advice.k;
    let mut text = format!("\nSo that {k} records are alike\n");
    let _ = writeln!(
        text,
        "  {:<32} {:>6} of records have fewer than {k} like them",
        "as it is",
        share(advice.before, all)
    );
    for step in &advice.steps {
        let _ =
            writeln!(text, "  {:<32} {:>6}  {}", step.what, share(step.under, all), step.policy);
    }
    text += match (advice.before, advice.steps.last().map(|step| step.under)) {
        (0, _) => "Nothing has to be changed.\n",
        (_, Some(0)) => STEPS,
        _ => "There are too few records for that, whatever is left out.\n",
    };
    text
}

fn json_of(risk: &Risk, advice: &Advice, records: u64) -> Value {
    let all = risk.records;
    let part = |number: u64| number as f64 / all.max(1) as f64;
    let under: Vec<_> = risk
        .under
        .iter()
        .zip(KS)
        .map(|(under, k)| json!({"k": k, "records": under, "share": part(*under)}))
        .collect();
    let fields: Vec<_> = risk
        .fields
        .iter()
        .map(|field| {
            json!({
                "field": field.facet.name(),
                "values": field.values,
                "entropy_bits": field.entropy,
                "unique": field.unique,
            })
        })
        .collect();
    let steps: Vec<_> = advice
        .steps
        .iter()
        .map(|step| {
            json!({
                "change": step.what,
                "policy": step.policy,
                "records_under": step.under,
                "share_under": part(step.under),
                "entropy_bits": step.entropy,
            })
        })
        .collect();
    let most = risk.singled.most.as_ref();
    let most = most.map(|(fields, number)| json!({"fields": fields, "records": number}));
    json!({
        "records": records,
        "measured": all,
        "classes": risk.classes,
        "under": under,
        "entropy_bits": risk.entropy,
        "entropy_bits_max": (all.max(1) as f64).log2(),
        "fields": fields,
        "singling_out": {
            "by_two": risk.singled.by_two, "by_three": risk.singled.by_three, "most": most,
        },
        "linking": {
            "records": risk.chains.joined, "visits": risk.chains.chains, "longest": risk.chains.longest,
        },
        "advice": {"k": advice.k, "share_under": part(advice.before), "steps": steps},
    })
}
