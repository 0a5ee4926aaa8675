//! Names and remarks inside of archives are told nowhere: files in an archive are told by their number.

use std::{fs, io::Write as _};

use flate2::{Compression, GzBuilder};

use crate::{
    log,
    program::{Dice, Folder, run_in},
    tree, xz, zstd,
};

const PLANTED: &str = "canary-203.0.113.77";

/// Gzip with a name, a remark and an extra field.
fn gzip(content: &[u8]) -> Vec<u8> {
    let builder = GzBuilder::new().filename(PLANTED).comment(PLANTED).extra(PLANTED);
    let mut encoder = builder.write(Vec::new(), Compression::fast());
    encoder.write_all(content).expect("a vector takes all");
    encoder.finish().expect("a vector takes all")
}

/// A tar archive whose names, owners and extended headers are planted, and the second file of which is no log.
fn tar(contents: &[&[u8]]) -> Vec<u8> {
    let mut archive = tar::Builder::new(Vec::new());
    for (number, content) in contents.iter().enumerate() {
        let extensions = [("comment", PLANTED.as_bytes()), ("path", PLANTED.as_bytes())];
        archive.append_pax_extensions(extensions).expect("a vector takes all");
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_username(PLANTED).expect("it has room");
        let name = format!("{PLANTED}/{}{number}.log", "folder/".repeat(number * 30));
        header.set_mode(0o644);
        archive.append_data(&mut header, name, *content).expect("a vector takes all");
    }
    archive.into_inner().expect("a vector takes all")
}

fn zip(contents: &[&[u8]]) -> Vec<u8> {
    let mut archive = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    archive.set_comment(PLANTED).expect("it has room");
    let options =
        zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
    for (number, content) in contents.iter().enumerate() {
        archive.start_file(format!("{PLANTED}/{number}.log"), options).expect("a vector takes all");
        archive.write_all(content).expect("a vector takes all");
    }
    archive.finish().expect("a vector takes all").into_inner()
}

#[test]
fn names_and_remarks_in_archives_are_told_nowhere() {
    let folder = Folder::new();
    let logs = folder.file("logs");
    fs::create_dir(&logs).expect("ours");
    let (good, junk) = (log(50, &mut Dice(1)), b"no log at all\n".repeat(200));
    let broken = |mut bytes: Vec<u8>| {
        let middle = bytes.len() / 2;
        bytes[middle..middle + 9].iter_mut().for_each(|byte| *byte ^= 0x55);
        bytes
    };
    let archives: [&[&[u8]]; 2] = [&[&good, &good], &[&good, &junk, &gzip(&junk)]];
    for (number, contents) in archives.iter().enumerate() {
        for (name, bytes) in [
            ("tar", tar(contents)),
            ("tgz", gzip(&tar(contents))),
            ("txz", xz(&tar(contents))),
            ("tzst", zstd(&tar(contents))),
            ("zip", zip(contents)),
            ("gz", gzip(&contents.concat())),
        ] {
            let cut = bytes[..bytes.len() * 2 / 3].to_vec();
            for (state, bytes) in
                [("whole", bytes.clone()), ("cut", cut), ("broken", broken(bytes))]
            {
                let name = format!("{state}{number}.{name}");
                fs::write(logs.join(name), bytes).expect("ours");
            }
        }
    }
    let args = ["batch", "logs", "-o", "clean", "--counts", "counts.json", "--summary", "text"];
    let done = run_in(folder.path(), &args, b"");
    assert_eq!(done.status, 1);
    assert!(done.err().contains("file 2 in logs/whole1.zip"), "{}", done.err());
    let mut left = tree(&folder.file("clean"));
    left.insert("messages".into(), done.stderr.clone());
    left.insert(
        "dry run".into(),
        run_in(folder.path(), &["batch", "logs", "-o", "new", "--dry-run"], b"").stdout,
    );
    left.insert("counts".into(), fs::read(folder.file("counts.json")).expect("written"));
    assert!(left.len() > 20);
    for (name, bytes) in &left {
        for planted in ["canary", "203.0.113.77"] {
            let is_there = bytes.windows(planted.len()).any(|window| window == planted.as_bytes());
            assert!(!is_there, "{planted} is in {}", name.display());
        }
    }
}
