//! A layer between the program and the system in which one call fails, as disks do.
//!
//! It is a library of its own, which the tests build with `rustc` and the loader puts before libc (`LD_PRELOAD`). It
//! counts the calls that change what is on a disk, as far as they concern files below one folder, and makes one of
//! them go wrong. What the program does by raw system calls passes it: `fallocate` of `rustix`, which
//! `tests/sealing/faults.rs` lets fail instead. The crate forbids `unsafe`; here there is no way without it, and
//! nothing of this file is in the program.
//!
//! | variable | what it says |
//! |---|---|
//! | `FAULTS_ROOT` | the folder whose files are meant |
//! | `FAULTS_AT` | the number of the call, from 1; 0 for none |
//! | `FAULTS_HOW` | how it goes wrong, below |
//! | `FAULTS_LOG` | a file outside of the folder that gets a line for each call: its number, its name, the file |
//! | `FAULTS_KEPT` | a folder that gets a copy of each file as it is when it is synced, and the names in each folder |
//! | `FAULTS_SLOW` | milliseconds that each call takes longer |
//!
//! `enospc` and `eio`: it fails. `full` and `broken`: so do all after it. `short`: half is written, then there is no
//! room. `torn`: half is written, then the process is killed. `stop`: it is killed before. `unread`: a read fails.

use std::{
    ffi::{CStr, c_char, c_int, c_long, c_uint, c_void},
    fs,
    mem::transmute,
    os::unix::fs::MetadataExt as _,
    ptr::null,
    sync::{
        OnceLock,
        atomic::{AtomicI32, AtomicU64, AtomicUsize, Ordering::SeqCst},
    },
    time::UNIX_EPOCH,
};

unsafe extern "C" {
    fn dlsym(library: *mut c_void, name: *const c_char) -> *mut c_void;
    fn getenv(name: *const c_char) -> *const c_char;
    fn readlink(path: *const c_char, text: *mut c_char, size: usize) -> isize;
    fn getpid() -> c_int;
    fn kill(process: c_int, signal: c_int) -> c_int;
    fn usleep(microseconds: c_uint) -> c_int;
    fn __errno_location() -> *mut c_int;
}

/// The next library in the loader's order.
const NEXT: *mut c_void = -1_isize as *mut c_void;
/// The folder of the process, as a descriptor.
const HERE: c_int = -100;
const NO_ROOM: c_int = 28;
const BROKEN: c_int = 5;
/// Flags of opening: for writing, for both, made where there is none, cut.
const CHANGES: c_int = 0o1 | 0o2 | 0o100 | 0o1000;
/// How long a path may be.
const PATH: usize = 4_096;

#[derive(Clone, Copy, PartialEq, Eq)]
enum How {
    Once(c_int),
    Always(c_int),
    Short,
    Torn,
    Stop,
    Unread,
}

/// What is to go wrong, read once before the program begins.
struct Plan {
    root: &'static [u8],
    at: u64,
    how: How,
    slow: c_uint,
    /// Where copies of what is durable go.
    kept: &'static str,
}

static PLAN: OnceLock<Plan> = OnceLock::new();
static CALLS: AtomicU64 = AtomicU64::new(0);
static LOG: AtomicI32 = AtomicI32::new(-1);
/// The descriptor whose next call finds no room.
static FULL: AtomicI32 = AtomicI32::new(-1);

#[used]
#[unsafe(link_section = ".init_array")]
static BEGIN: extern "C" fn() = begin;

extern "C" fn begin() {
    let word = |name: &CStr| -> &'static [u8] {
        let value = unsafe { getenv(name.as_ptr()) };
        if value.is_null() { b"" } else { unsafe { CStr::from_ptr(value) }.to_bytes() }
    };
    let number = |name: &CStr| str::from_utf8(word(name)).unwrap_or("").parse::<u64>().unwrap_or(0);
    let how = match word(c"FAULTS_HOW") {
        b"enospc" => How::Once(NO_ROOM),
        b"full" => How::Always(NO_ROOM),
        b"broken" => How::Always(BROKEN),
        b"short" => How::Short,
        b"torn" => How::Torn,
        b"stop" => How::Stop,
        b"unread" => How::Unread,
        _ => How::Once(BROKEN),
    };
    let root = word(c"FAULTS_ROOT");
    if root.is_empty() {
        return;
    }
    let log = word(c"FAULTS_LOG");
    if !log.is_empty() {
        // To be extended, made where it is not there, and closed in children.
        let open = real_openat();
        let log =
            unsafe { open(HERE, log.as_ptr().cast(), 0o2 | 0o100 | 0o2000 | 0o2000000, 0o600) };
        LOG.store(log, SeqCst);
    }
    real_write();
    let slow = c_uint::try_from(number(c"FAULTS_SLOW")).unwrap_or(0);
    let kept = str::from_utf8(word(c"FAULTS_KEPT")).unwrap_or("");
    let _ = PLAN.set(Plan { root, at: number(c"FAULTS_AT"), how, slow, kept });
}

/// What is to be done with a call.
enum Verdict {
    /// What it asks for.
    Go,
    /// This error.
    Fail(c_int),
    /// Half of it, and then this descriptor is full, or the process is killed.
    Half,
}

/// A path below the root, without it; a dot for the root itself.
fn below<'a>(root: &[u8], path: &'a [u8]) -> Option<&'a [u8]> {
    match path.strip_prefix(root)? {
        b"" => Some(b"."),
        rest => rest.strip_prefix(b"/"),
    }
}

/// What a link of the system says, in a buffer of the caller: nothing is allocated, for this may be in a handler of a
/// signal.
fn link<'a>(name: &[u8], buffer: &'a mut [u8; PATH]) -> &'a [u8] {
    let size = unsafe { readlink(name.as_ptr().cast(), buffer.as_mut_ptr().cast(), PATH) };
    &buffer[..usize::try_from(size).unwrap_or(0)]
}

/// The name of a descriptor's link.
fn name_of(descriptor: c_int) -> [u8; 32] {
    let (mut name, mut digits, mut at) = ([0; 32], [0; 10], 0);
    let head = b"/proc/self/fd/";
    name[..head.len()].copy_from_slice(head);
    let mut left = descriptor.unsigned_abs();
    while left > 0 || at == 0 {
        digits[at] = b'0' + (left % 10) as u8;
        left /= 10;
        at += 1;
    }
    for (index, digit) in digits[..at].iter().rev().enumerate() {
        name[head.len() + index] = *digit;
    }
    name
}

fn on_descriptor(call: &str, descriptor: c_int, moves_bytes: bool) -> Verdict {
    if PLAN.get().is_none() || descriptor < 0 || descriptor == LOG.load(SeqCst) {
        return Verdict::Go;
    }
    let mut buffer = [0; PATH];
    let path = link(&name_of(descriptor), &mut buffer);
    judge(call, path, Some(descriptor).filter(|_| moves_bytes))
}

fn on_path(call: &str, folder: c_int, path: *const c_char) -> Verdict {
    if PLAN.get().is_none() || path.is_null() {
        return Verdict::Go;
    }
    let path = unsafe { CStr::from_ptr(path) }.to_bytes();
    if path.starts_with(b"/") {
        return judge(call, path, None);
    }
    let mut buffer = [0; PATH];
    let length = match folder {
        HERE => link(b"/proc/self/cwd\0", &mut buffer).len(),
        _ => link(&name_of(folder), &mut buffer).len(),
    };
    let path = path.strip_prefix(b"./").unwrap_or(path);
    if length == 0 || length + 1 + path.len() > PATH {
        return Verdict::Go;
    }
    buffer[length] = b'/';
    buffer[length + 1..length + 1 + path.len()].copy_from_slice(path);
    judge(call, &buffer[..length + 1 + path.len()], None)
}

fn judge(call: &str, path: &[u8], bytes_to: Option<c_int>) -> Verdict {
    let Some(plan) = PLAN.get() else { return Verdict::Go };
    let Some(name) = below(plan.root, path) else { return Verdict::Go };
    let is_read = call == "read";
    if is_read != (plan.how == How::Unread) {
        return Verdict::Go;
    }
    if plan.slow > 0 {
        unsafe { usleep(plan.slow * 1_000) };
    }
    if bytes_to
        .is_some_and(|descriptor| FULL.compare_exchange(descriptor, -1, SeqCst, SeqCst).is_ok())
    {
        return Verdict::Fail(NO_ROOM);
    }
    let number = CALLS.fetch_add(1, SeqCst) + 1;
    let is_it = plan.at > 0 && number == plan.at;
    tell(number, call, name, is_it);
    match plan.how {
        How::Once(error) if is_it => Verdict::Fail(error),
        How::Always(error) if plan.at > 0 && number >= plan.at => Verdict::Fail(error),
        How::Unread if is_it => Verdict::Fail(BROKEN),
        How::Short if is_it && bytes_to.is_some() => Verdict::Half,
        How::Short if is_it => Verdict::Fail(NO_ROOM),
        How::Torn if is_it && bytes_to.is_some() => Verdict::Half,
        How::Torn | How::Stop if is_it => end(),
        _ => Verdict::Go,
    }
}

/// Writes a line about a call.
fn tell(number: u64, call: &str, name: &[u8], is_it: bool) {
    let log = LOG.load(SeqCst);
    if log < 0 {
        return;
    }
    let mut line = [0; PATH];
    let mut length = 0;
    let mut add = |bytes: &[u8]| {
        let count = bytes.len().min(PATH - length);
        line[length..length + count].copy_from_slice(&bytes[..count]);
        length += count;
    };
    let (mut digits, mut at, mut left) = ([0; 20], 20, number);
    while left > 0 {
        at -= 1;
        digits[at] = b'0' + (left % 10) as u8;
        left /= 10;
    }
    add(&digits[at..]);
    add(b"\t");
    add(call.as_bytes());
    add(b"\t");
    add(name);
    add(if is_it { b"\there\n" } else { b"\n" });
    unsafe { real_write()(log, line.as_ptr().cast(), length) };
}

/// The end of the process, as by somebody who kills it.
fn end() -> ! {
    loop {
        unsafe { kill(getpid(), 9) };
    }
}

/// What follows the half of a call.
fn after_half(descriptor: c_int) {
    match PLAN.get() {
        Some(plan) if plan.how == How::Torn => end(),
        _ => FULL.store(descriptor, SeqCst),
    }
}

fn fail(error: c_int) -> c_int {
    unsafe { *__errno_location() = error };
    -1
}

/// The real one of a function, looked up once.
macro_rules! real {
    ($real:ident: $name:expr, $type:ty) => {
        fn $real() -> $type {
            static FOUND: AtomicUsize = AtomicUsize::new(0);
            let mut found = FOUND.load(SeqCst);
            if found == 0 {
                found = unsafe { dlsym(NEXT, concat!($name, "\0").as_ptr().cast()) } as usize;
                FOUND.store(found, SeqCst);
            }
            assert!(found != 0, "there is no {}", $name);
            unsafe { transmute::<usize, $type>(found) }
        }
    };
}

type OpenAt = unsafe extern "C" fn(c_int, *const c_char, c_int, c_uint) -> c_int;
type Write = unsafe extern "C" fn(c_int, *const c_void, usize) -> isize;
real!(real_openat: "openat64", OpenAt);
real!(real_write: "write", Write);

/// Calls that give a number of bytes; half of one is one with fewer bytes.
macro_rules! bytes {
    ($($name:ident($call:literal, $bytes:ty $(, $more:ident: $type:ty)*);)*) => { $(
        #[unsafe(no_mangle)]
        extern "C" fn $name(descriptor: c_int, bytes: $bytes, count: usize $(, $more: $type)*) -> isize {
            real!(real: stringify!($name), unsafe extern "C" fn(c_int, $bytes, usize $(, $type)*) -> isize);
            match on_descriptor($call, descriptor, count > 1) {
                Verdict::Go => unsafe { real()(descriptor, bytes, count $(, $more)*) },
                Verdict::Fail(error) => fail(error) as isize,
                Verdict::Half => {
                    let done = unsafe { real()(descriptor, bytes, count / 2 $(, $more)*) };
                    after_half(descriptor);
                    done
                }
            }
        }
    )* };
}

bytes! {
    write("write", *const c_void);
    pwrite("write", *const c_void, offset: c_long);
    pwrite64("write", *const c_void, offset: c_long);
    read("read", *mut c_void);
    pread("read", *mut c_void, offset: c_long);
    pread64("read", *mut c_void, offset: c_long);
}

/// Several buffers: half of them are the first half of the first.
#[repr(C)]
struct Buffer {
    bytes: *const c_void,
    count: usize,
}

#[unsafe(no_mangle)]
extern "C" fn writev(descriptor: c_int, buffers: *const Buffer, count: c_int) -> isize {
    real!(real: "writev", unsafe extern "C" fn(c_int, *const Buffer, c_int) -> isize);
    match on_descriptor("write", descriptor, true) {
        Verdict::Go => unsafe { real()(descriptor, buffers, count) },
        Verdict::Fail(error) => fail(error) as isize,
        Verdict::Half => {
            let first =
                if count > 0 { unsafe { &*buffers } } else { &Buffer { bytes: null(), count: 0 } };
            let done = unsafe { real_write()(descriptor, first.bytes, first.count / 2) };
            after_half(descriptor);
            done
        }
    }
}

#[unsafe(no_mangle)]
extern "C" fn readv(descriptor: c_int, buffers: *const Buffer, count: c_int) -> isize {
    real!(real: "readv", unsafe extern "C" fn(c_int, *const Buffer, c_int) -> isize);
    match on_descriptor("read", descriptor, false) {
        Verdict::Fail(error) => fail(error) as isize,
        _ => unsafe { real()(descriptor, buffers, count) },
    }
}

/// Calls about a descriptor.
macro_rules! descriptors {
    ($($name:ident($call:literal $(, $more:ident: $type:ty)*);)*) => { $(
        #[unsafe(no_mangle)]
        extern "C" fn $name(descriptor: c_int $(, $more: $type)*) -> c_int {
            real!(real: stringify!($name), unsafe extern "C" fn(c_int $(, $type)*) -> c_int);
            match on_descriptor($call, descriptor, false) {
                Verdict::Fail(error) => fail(error),
                _ => unsafe { real()(descriptor $(, $more)*) },
            }
        }
    )* };
}

/// What a process wrote is there for all others whether or not it was made durable, and no machine stops here. That it
/// takes time is left out, and told by `FAULTS_SLOW` where it matters.
macro_rules! syncs {
    ($($name:ident),*) => { $(
        #[unsafe(no_mangle)]
        extern "C" fn $name(descriptor: c_int) -> c_int {
            match on_descriptor("sync", descriptor, false) {
                Verdict::Fail(error) => fail(error),
                _ => {
                    keep(descriptor);
                    0
                }
            }
        }
    )* };
}

/// Keeps a copy of a file, or the names in a folder, under a name that no later file has.
fn keep(descriptor: c_int) {
    let Some(plan) = PLAN.get().filter(|plan| !plan.kept.is_empty()) else { return };
    let mut buffer = [0; PATH];
    if below(plan.root, link(&name_of(descriptor), &mut buffer)).is_none() {
        return;
    }
    let path = format!("/proc/self/fd/{descriptor}");
    let Ok(metadata) = fs::metadata(&path) else { return };
    let place = format!("{}/{}", plan.kept, id(&metadata));
    let bytes = if metadata.is_dir() {
        let entries = fs::read_dir(&path).into_iter().flatten().flatten();
        let line = |entry: fs::DirEntry| {
            let of = id(&entry.metadata().ok()?);
            Some(format!("{of}\t{}\n", entry.file_name().display()))
        };
        entries.filter_map(line).collect::<String>().into_bytes()
    } else {
        fs::read(&path).unwrap_or_default()
    };
    // At once, for it may be looked at when the process is killed.
    let aside = format!("{place}.part");
    let _ = fs::write(&aside, bytes).and_then(|()| fs::rename(&aside, &place));
}

/// The number of a file and when it was made.
fn id(metadata: &fs::Metadata) -> String {
    let born = metadata.created().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    format!("{}-{}", metadata.ino(), born.map_or(0, |born| born.as_nanos()))
}

syncs!(fsync, fdatasync);

descriptors! {
    ftruncate("cut", length: c_long);
    ftruncate64("cut", length: c_long);
    fchmod("mode", mode: c_uint);
    futimens("time", times: *const c_void);
}

/// Calls about a path.
macro_rules! paths {
    ($($name:ident($call:literal $(, $more:ident: $type:ty)*);)*) => { $(
        #[unsafe(no_mangle)]
        extern "C" fn $name(path: *const c_char $(, $more: $type)*) -> c_int {
            real!(real: stringify!($name), unsafe extern "C" fn(*const c_char $(, $type)*) -> c_int);
            match on_path($call, HERE, path) {
                Verdict::Fail(error) => fail(error),
                _ => unsafe { real()(path $(, $more)*) },
            }
        }
    )* };
}

paths! {
    unlink("remove");
    rmdir("remove");
    mkdir("make", mode: c_uint);
    chmod("mode", mode: c_uint);
}

#[unsafe(no_mangle)]
extern "C" fn unlinkat(folder: c_int, path: *const c_char, flags: c_int) -> c_int {
    real!(real: "unlinkat", unsafe extern "C" fn(c_int, *const c_char, c_int) -> c_int);
    match on_path("remove", folder, path) {
        Verdict::Fail(error) => fail(error),
        _ => unsafe { real()(folder, path, flags) },
    }
}

/// A file is known by the name that it is to have.
#[unsafe(no_mangle)]
extern "C" fn rename(from: *const c_char, to: *const c_char) -> c_int {
    real!(real: "rename", unsafe extern "C" fn(*const c_char, *const c_char) -> c_int);
    match on_path("rename", HERE, to) {
        Verdict::Fail(error) => fail(error),
        _ => unsafe { real()(from, to) },
    }
}

/// Opening counts where it is for writing.
fn open_verdict(folder: c_int, path: *const c_char, flags: c_int) -> Verdict {
    if flags & CHANGES == 0 { Verdict::Go } else { on_path("open", folder, path) }
}

macro_rules! opens {
    ($($name:ident),*) => { $(
        /// The mode is passed on whether or not there is one, as the calling conventions of Linux allow.
        #[unsafe(no_mangle)]
        extern "C" fn $name(path: *const c_char, flags: c_int, mode: c_uint) -> c_int {
            match open_verdict(HERE, path, flags) {
                Verdict::Fail(error) => fail(error),
                _ => unsafe { real_openat()(HERE, path, flags, mode) },
            }
        }
    )* };
}

opens!(open, open64);

macro_rules! opens_at {
    ($($name:ident),*) => { $(
        #[unsafe(no_mangle)]
        extern "C" fn $name(folder: c_int, path: *const c_char, flags: c_int, mode: c_uint) -> c_int {
            match open_verdict(folder, path, flags) {
                Verdict::Fail(error) => fail(error),
                _ => unsafe { real_openat()(folder, path, flags, mode) },
            }
        }
    )* };
}

opens_at!(openat, openat64);

/// What copies without a detour through the process counts as a write, and is refused where it would be halved.
#[unsafe(no_mangle)]
extern "C" fn copy_file_range(
    from: c_int,
    from_offset: *mut c_long,
    to: c_int,
    to_offset: *mut c_long,
    count: usize,
    flags: c_uint,
) -> isize {
    type Copy =
        unsafe extern "C" fn(c_int, *mut c_long, c_int, *mut c_long, usize, c_uint) -> isize;
    real!(real: "copy_file_range", Copy);
    match on_descriptor("write", to, false) {
        Verdict::Fail(error) => fail(error) as isize,
        _ => unsafe { real()(from, from_offset, to, to_offset, count, flags) },
    }
}
