//! Who may open what is sealed: age recipients in roles, in a file that only names public keys.
//!
//! - *security* opens segments; there must be somebody.
//! - *dpo*, where there is one, must open them too: keys are wrapped twice, so that nobody of one role opens anything
//!   alone. Within a role each recipient can.
//! - *auditor* has the seed by which the manifest is checked.

use std::{
    collections::BTreeSet,
    fmt, fs,
    hint::black_box,
    io::{self, Read as _, Write as _},
    path::{Path, PathBuf},
};

use age::{Encryptor, x25519::Recipient};
use rustix::rand::{GetRandomFlags, getrandom};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroize as _;

use super::{
    chain::hex,
    disk::Disk,
    error::{QuarantineError, RecipientFault},
    layout::Layout,
};
use crate::transform::pseudonym::overwrite_stack;

/// How large a file with recipients may be.
const FILE_BYTES_MAX: u64 = 1 << 16;

/// How many recipients a role may have.
const RECIPIENTS_MAX: usize = 64;

/// How the secret half of a key begins, in age and in its plugins.
const SECRET_BEGINS: [&str; 2] = ["AGE-SECRET-KEY-", "AGE-PLUGIN-"];

/// How large age's buffer for what is sealed is. What was sealed is in it when it is given back.
const AGE_CHUNK_BYTES: usize = 65_536;

/// How much of the stack sealing may have used, in words.
const SEALING_WORDS: usize = 8_192;

/// What a recipient does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// Opens segments.
    Security,
    /// Must open them too, where there is somebody.
    Dpo,
    /// Checks the manifest.
    Auditor,
}

impl Role {
    /// The word for it, which is also the option's.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Security => "security",
            Self::Dpo => "dpo",
            Self::Auditor => "auditor",
        }
    }
}

/// Who may open.
#[derive(Clone)]
pub struct Recipients {
    /// The name of the quarantine: 16 digits that nobody chose.
    pub id: String,
    /// Who opens segments.
    pub security: Vec<Recipient>,
    /// Who must open them too.
    pub dpo: Vec<Recipient>,
    /// Who checks the manifest.
    pub auditor: Vec<Recipient>,
}

/// The file.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Written {
    id: String,
    security: Vec<String>,
    #[serde(default)]
    dpo: Vec<String>,
    #[serde(default)]
    auditor: Vec<String>,
}

impl Recipients {
    /// Those that were named, each as text or as a file with such texts, for a new quarantine.
    ///
    /// # Errors
    ///
    /// One of them is no recipient, is a secret key, or has both roles that must come together.
    pub fn name(
        security: &[String],
        dpo: &[String],
        auditor: &[String],
    ) -> Result<Self, QuarantineError> {
        let mut id = [0; 8];
        if !matches!(getrandom(&mut id, GetRandomFlags::empty()), Ok(8)) {
            return Err(QuarantineError::Random);
        }
        Self {
            id: hex(&id),
            security: named(Role::Security, security)?,
            dpo: named(Role::Dpo, dpo)?,
            auditor: named(Role::Auditor, auditor)?,
        }
        .checked()
    }

    fn checked(self) -> Result<Self, QuarantineError> {
        if self.security.is_empty() {
            let role = Role::Security.word();
            return Err(QuarantineError::Recipient(RecipientFault::Nobody { role }));
        }
        let security: BTreeSet<String> = self.security.iter().map(Recipient::to_string).collect();
        if self.dpo.iter().any(|recipient| security.contains(&recipient.to_string())) {
            return Err(QuarantineError::Recipient(RecipientFault::BothRoles));
        }
        Ok(self)
    }

    /// Those of a quarantine.
    ///
    /// # Errors
    ///
    /// There is no quarantine, or the file is none that was written here.
    pub fn load(layout: &Layout) -> Result<Self, QuarantineError> {
        let path = layout.recipients();
        if !path.exists() {
            return Err(QuarantineError::Missing(layout.root().to_owned()));
        }
        Self::read(&path)
    }

    /// Those that a file of a quarantine says, or a copy of it.
    ///
    /// # Errors
    ///
    /// It cannot be read, or is none that was written here.
    pub fn read(path: &Path) -> Result<Self, QuarantineError> {
        let text = read_text(path).map_err(QuarantineError::io("cannot read", path))?;
        let strange =
            || QuarantineError::strange(path, "there are no recipients as tamis writes them");
        let written: Written = toml::from_str(&text).map_err(|_| strange())?;
        let parse = |texts: Vec<String>| -> Option<Vec<Recipient>> {
            texts.iter().map(|text| text.parse().ok()).collect()
        };
        let all = || {
            Some(Self {
                id: Some(written.id).filter(|id| id.len() == 16)?,
                security: parse(written.security)?,
                dpo: parse(written.dpo)?,
                auditor: parse(written.auditor)?,
            })
        };
        all().ok_or_else(strange)?.checked()
    }

    /// The file that says them.
    #[must_use]
    pub fn to_text(&self) -> String {
        let texts = |all: &[Recipient]| all.iter().map(Recipient::to_string).collect();
        let written = Written {
            id: self.id.clone(),
            security: texts(&self.security),
            dpo: texts(&self.dpo),
            auditor: texts(&self.auditor),
        };
        let text = toml::to_string(&written).expect("texts and lists of texts are TOML");
        format!(
            "# Who may open what is sealed here; public keys only. Made by tamis quarantine init.\n{text}"
        )
    }

    /// The SHA-256 of the file, as digits: the manifest says by it who could open what was sealed from then on.
    #[must_use]
    pub fn hash(&self) -> String {
        hex(&Sha256::digest(self.to_text().as_bytes()))
    }

    /// Writes the file.
    ///
    /// # Errors
    ///
    /// The disk refuses.
    pub fn save(&self, disk: &Disk, layout: &Layout) -> Result<(), QuarantineError> {
        let path = layout.recipients();
        disk.replace(&path, self.to_text().as_bytes(), 0o640)
            .map_err(QuarantineError::io("cannot write", &path))
    }

    /// Those of a role.
    #[must_use]
    pub fn of(&self, role: Role) -> &[Recipient] {
        match role {
            Role::Security => &self.security,
            Role::Dpo => &self.dpo,
            Role::Auditor => &self.auditor,
        }
    }

    /// A secret for those who may open segments: for one of each role, where there are two.
    #[must_use]
    pub fn wrap(&self, secret: &str) -> Vec<u8> {
        let inner = seal_secret(&self.security, secret.as_bytes());
        if self.dpo.is_empty() { inner } else { seal(&self.dpo, &inner) }
    }

    /// A secret for the auditor, or for security where there is none.
    #[must_use]
    pub fn seal_to_auditor(&self, secret: &[u8]) -> Vec<u8> {
        let whom = if self.auditor.is_empty() { &self.security } else { &self.auditor };
        seal_secret(whom, secret)
    }
}

impl fmt::Debug for Recipients {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { id, security, dpo, auditor } = self;
        let counts = [security, dpo, auditor].map(Vec::len);
        write!(f, "Recipients({id}, {counts:?})")
    }
}

/// An age file for any of these.
fn seal(whom: &[Recipient], bytes: &[u8]) -> Vec<u8> {
    let whom = whom.iter().map(|recipient| recipient as &dyn age::Recipient);
    let encryptor = Encryptor::with_recipients(whom).expect("a role that is used has a recipient");
    let mut sealed = Vec::with_capacity(bytes.len() + 1_024);
    encryptor
        .wrap_output(&mut sealed)
        .and_then(|mut writer| {
            writer.write_all(bytes)?;
            writer.finish().map(drop)
        })
        .expect("a vector takes what is written");
    sealed
}

/// The same for a secret, of which nothing stays on the stack or in what age gave back.
fn seal_secret(whom: &[Recipient], secret: &[u8]) -> Vec<u8> {
    let sealed = seal(whom, secret);
    overwrite_stack::<SEALING_WORDS>();
    let mut buffer = vec![0_u8; AGE_CHUNK_BYTES];
    buffer.zeroize();
    black_box(&buffer);
    sealed
}

/// The recipients that were named for a role.
fn named(role: Role, texts: &[String]) -> Result<Vec<Recipient>, QuarantineError> {
    let word = role.word();
    let mut found: Vec<Recipient> = Vec::new();
    for (text, at) in texts.iter().zip(1..) {
        refuse_secret(text, word)?;
        let text = text.trim();
        if let Ok(recipient) = text.parse() {
            found.push(recipient);
            continue;
        }
        let unknown = QuarantineError::Recipient(RecipientFault::Unknown { role: word, at });
        let (path, is_marked) = match text.strip_prefix('@') {
            Some(path) => (Path::new(path), true),
            None => (Path::new(text), false),
        };
        if !is_marked && !path.is_file() {
            return Err(unknown);
        }
        found.extend(read_recipients(path, word)?);
    }
    let mut seen = BTreeSet::new();
    found.retain(|recipient| seen.insert(recipient.to_string()));
    if found.len() > RECIPIENTS_MAX {
        let at = RECIPIENTS_MAX + 1;
        return Err(QuarantineError::Recipient(RecipientFault::Unknown { role: word, at }));
    }
    Ok(found)
}

/// The recipients in a file, one on each line that is neither empty nor a comment.
fn read_recipients(path: &Path, role: &'static str) -> Result<Vec<Recipient>, QuarantineError> {
    let fault = || QuarantineError::Recipient(RecipientFault::File { path: path.to_owned() });
    let mut text = read_text(path).map_err(|_| fault())?;
    let found: Result<Vec<_>, _> = text
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(|line| {
            refuse_secret(line, role)?;
            line.parse().map_err(|_| fault())
        })
        .collect();
    text.zeroize();
    match found {
        Ok(found) if found.is_empty() => Err(fault()),
        found => found,
    }
}

fn refuse_secret(text: &str, role: &'static str) -> Result<(), QuarantineError> {
    let upper = text.trim().to_ascii_uppercase();
    if SECRET_BEGINS.iter().any(|beginning| upper.contains(beginning)) {
        return Err(QuarantineError::Recipient(RecipientFault::Secret { role }));
    }
    Ok(())
}

fn read_text(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    fs::File::open(path)?.take(FILE_BYTES_MAX).read_to_string(&mut text)?;
    Ok(text)
}

/// Makes a quarantine for these in a directory that is not there or is empty.
///
/// # Errors
///
/// There is something already, or the disk refuses.
pub fn init(
    disk: &Disk,
    root: &Path,
    recipients: &Recipients,
    now: i64,
) -> Result<(), QuarantineError> {
    let layout = Layout::new(root);
    let is_free = match fs::read_dir(root) {
        Ok(mut entries) => entries.next().is_none(),
        Err(error) => error.kind() == io::ErrorKind::NotFound,
    };
    if !is_free {
        return Err(QuarantineError::Exists(root.to_owned()));
    }
    let make = |path: PathBuf, mode: u32| {
        disk.make_directory(&path, mode).map_err(QuarantineError::io("cannot make", &path))
    };
    make(root.to_owned(), 0o750)?;
    for tree in super::layout::Tree::ALL {
        make(layout.tree(tree), 0o750)?;
    }
    // Each who opens writes a file of their own there, and cannot remove those of others.
    make(layout.audit(), 0o1770)?;
    let seed = super::chain::MacKey::draw()?;
    let sealed = recipients.seal_to_auditor(seed.expose_text().as_bytes());
    let path = layout.seed();
    disk.replace(&path, &sealed, 0o640).map_err(QuarantineError::io("cannot write", &path))?;
    super::manifest::begin(disk, &layout, seed, now, &recipients.id, &recipients.hash())?;
    super::store::keep_reserve(disk, &layout)?;
    let path = layout.lock();
    disk.replace(&path, b"", 0o640).map_err(QuarantineError::io("cannot write", &path))?;
    // The last one: without it there is no quarantine.
    recipients.save(disk, &layout)
}

#[cfg(test)]
mod tests {
    use age::{secrecy::ExposeSecret as _, x25519::Identity};

    use super::*;

    fn recipient() -> String {
        Identity::generate().to_public().to_string()
    }

    fn fault(security: &[String], dpo: &[String]) -> RecipientFault {
        match Recipients::name(security, dpo, &[]) {
            Err(QuarantineError::Recipient(fault)) => fault,
            other => panic!("{other:?}"),
        }
    }

    fn open(identity: &Identity, sealed: &[u8]) -> Option<Vec<u8>> {
        let decryptor = age::Decryptor::new_buffered(sealed).ok()?;
        let mut reader = decryptor.decrypt(std::iter::once(identity as _)).ok()?;
        let mut opened = Vec::new();
        reader.read_to_end(&mut opened).ok().map(|_| opened)
    }

    #[test]
    fn recipients_are_written_as_they_were_named() {
        let both = Recipients::name(&[recipient(), recipient()], &[recipient()], &[]);
        let both = both.expect("all are recipients");
        let directory = std::env::temp_dir().join(format!("tamis-whom-{}", std::process::id()));
        fs::create_dir_all(&directory).expect("a directory for the test");
        let layout = Layout::new(&directory);
        both.save(&Disk::default(), &layout).expect("saved");
        let loaded = Recipients::load(&layout).expect("it is there");
        assert_eq!(loaded.to_text(), both.to_text());
        assert_eq!((loaded.id.len(), loaded.security.len(), loaded.dpo.len()), (16, 2, 1));
        let path = directory.join("whom.txt");
        fs::write(&path, format!("# of the team\n\n{}\n{}\n", recipient(), recipient()))
            .expect("written");
        for named in [path.display().to_string(), format!("@{}", path.display())] {
            let found = Recipients::name(&[named], &[], &[]).expect("a file with recipients");
            assert_eq!(found.security.len(), 2);
        }
        fs::remove_dir_all(directory).expect("it was made above");
    }

    #[test]
    fn who_cannot_be_a_recipient_is_refused_and_not_shown() {
        let identity = Identity::generate();
        let secret = identity.to_string().expose_secret().to_owned();
        for text in [secret.clone(), secret.to_lowercase(), format!(" {secret}")] {
            let fault = fault(&[text], &[]);
            assert_eq!(fault, RecipientFault::Secret { role: "security" });
            assert!(!fault.to_string().to_lowercase().contains(&secret[20..].to_lowercase()));
        }
        let one = recipient();
        assert_eq!(
            fault(&[one.clone(), "age1x".into()], &[]),
            RecipientFault::Unknown { role: "security", at: 2 }
        );
        assert_eq!(
            fault(std::slice::from_ref(&one), std::slice::from_ref(&one)),
            RecipientFault::BothRoles
        );
        assert_eq!(fault(&[], &[one]), RecipientFault::Nobody { role: "security" });
    }

    #[test]
    fn a_key_for_two_roles_is_opened_by_both_together_only() {
        let (security, dpo, other) =
            (Identity::generate(), Identity::generate(), Identity::generate());
        let text = |identity: &Identity| identity.to_public().to_string();
        let both = Recipients::name(&[text(&other), text(&security)], &[text(&dpo)], &[]);
        let sealed = both.expect("all are recipients").wrap("a secret\n");
        assert!(open(&security, &sealed).is_none());
        let inner = open(&dpo, &sealed).expect("the outer layer is the dpo's");
        assert!(open(&dpo, &inner).is_none());
        assert_eq!(open(&security, &inner).as_deref(), Some(&b"a secret\n"[..]));
        assert_eq!(open(&other, &inner).as_deref(), Some(&b"a secret\n"[..]));
    }
}
