//! `bpf(2)`: maps, programs and links. A leaf with unsafe code.
//!
//! Every object lives as long as its descriptor. A link takes its program off the interface when
//! the descriptor closes, however the process ends.
#![allow(unsafe_code)]

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

use super::assembler::Instruction;

/// Programs that see a frame before the kernel makes a packet of it.
const PROGRAM_TYPE_XDP: u32 = 6;
/// Where such a program is attached.
const ATTACH_XDP: u32 = 37;
/// Room for what the verifier has to say.
const LOG_BYTES: usize = 64 * 1024;

/// The kinds of map that steering needs.
#[derive(Clone, Copy, Debug)]
#[repr(u32)]
pub(super) enum MapKind {
    Hash = 1,
    Array = 2,
    Sockets = 17,
}

/// Commands of `bpf(2)`.
#[derive(Clone, Copy)]
#[repr(i64)]
enum Command {
    MapCreate = 0,
    MapLookup = 1,
    MapUpdate = 2,
    ProgramLoad = 5,
    #[cfg(test)]
    ProgramTestRun = 10,
    LinkCreate = 28,
}

#[repr(C)]
#[derive(Default)]
struct MapCreate {
    kind: u32,
    key_bytes: u32,
    value_bytes: u32,
    entries_max: u32,
    flags: u32,
}

#[repr(C)]
#[derive(Default)]
struct MapElement {
    map: u32,
    padding: u32,
    key: u64,
    value: u64,
    flags: u64,
}

#[repr(C)]
#[derive(Default)]
struct ProgramLoad {
    kind: u32,
    instruction_count: u32,
    instructions: u64,
    licence: u64,
    log_level: u32,
    log_bytes: u32,
    log: u64,
    kernel_version: u32,
    flags: u32,
    name: [u8; 16],
    interface: u32,
    expected_attach: u32,
}

#[repr(C)]
#[derive(Default)]
struct LinkCreate {
    program: u32,
    interface: u32,
    attach: u32,
    flags: u32,
}

/// Makes a map.
pub(super) fn create_map(
    kind: MapKind,
    key_bytes: u32,
    value_bytes: u32,
    entries_max: u32,
) -> io::Result<OwnedFd> {
    let mut attributes = MapCreate {
        kind: kind as u32,
        key_bytes,
        value_bytes,
        entries_max,
        flags: 0,
    };
    let fd = call(Command::MapCreate, &mut attributes)?;
    // SAFETY: the kernel has just made this descriptor for us alone.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Writes one entry of a map whose keys and values have exactly these sizes.
pub(super) fn update(map: BorrowedFd<'_>, key: &[u8], value: &[u8]) -> io::Result<()> {
    let mut attributes = MapElement {
        map: descriptor(map.as_raw_fd()),
        key: address(key),
        value: address(value),
        ..MapElement::default()
    };
    call(Command::MapUpdate, &mut attributes).map(drop)
}

/// Reads one entry of a map whose keys and values have exactly these sizes.
pub(super) fn lookup(map: BorrowedFd<'_>, key: &[u8], value: &mut [u8]) -> io::Result<()> {
    let mut attributes = MapElement {
        map: descriptor(map.as_raw_fd()),
        key: address(key),
        value: value.as_mut_ptr().addr() as u64,
        ..MapElement::default()
    };
    call(Command::MapLookup, &mut attributes).map(drop)
}

/// Verifies and loads an XDP program. What the verifier objects to is in the error.
pub(super) fn load(name: &str, instructions: &[Instruction]) -> io::Result<OwnedFd> {
    let mut attributes = ProgramLoad {
        kind: PROGRAM_TYPE_XDP,
        instruction_count: instructions.len() as u32,
        instructions: instructions.as_ptr().addr() as u64,
        licence: c"Apache-2.0".as_ptr().addr() as u64,
        expected_attach: ATTACH_XDP,
        ..ProgramLoad::default()
    };
    for (to, octet) in attributes.name[..15].iter_mut().zip(name.bytes()) {
        *to = octet;
    }
    let fd = match call(Command::ProgramLoad, &mut attributes) {
        Err(error) if error.kind() == io::ErrorKind::InvalidInput => explained(attributes, error),
        loaded => loaded,
    }?;
    // SAFETY: the kernel has just made this descriptor for us alone.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Tries once more for the sake of the verifier's last words.
fn explained(mut attributes: ProgramLoad, error: io::Error) -> io::Result<RawFd> {
    let mut log = vec![0; LOG_BYTES];
    attributes.log = log.as_mut_ptr().addr() as u64;
    attributes.log_bytes = LOG_BYTES as u32;
    attributes.log_level = 1;
    call(Command::ProgramLoad, &mut attributes).map_err(|_| {
        let text = String::from_utf8_lossy(&log);
        let text = text.trim_end_matches(['\0', '\n']);
        let tail = text.lines().rev().take(3).collect::<Vec<_>>().join(" / ");
        io::Error::new(error.kind(), format!("{error}: {tail}"))
    })
}

/// Attaches a program to an interface, with the `XDP_FLAGS_*` given, for as long as the
/// descriptor is open.
pub(super) fn attach(program: BorrowedFd<'_>, interface: u32, flags: u32) -> io::Result<OwnedFd> {
    let mut attributes = LinkCreate {
        program: descriptor(program.as_raw_fd()),
        interface,
        attach: ATTACH_XDP,
        flags,
    };
    let fd = call(Command::LinkCreate, &mut attributes)?;
    // SAFETY: the kernel has just made this descriptor for us alone.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// What a program answers to a frame, without any interface.
#[cfg(test)]
pub(super) fn test_run(program: BorrowedFd<'_>, frame: &[u8]) -> io::Result<u32> {
    #[repr(C)]
    #[derive(Default)]
    struct TestRun {
        program: u32,
        answer: u32,
        bytes_in: u32,
        bytes_out: u32,
        data_in: u64,
        data_out: u64,
        repeat: u32,
        duration: u32,
        context: [u64; 4],
    }
    let mut attributes = TestRun {
        program: descriptor(program.as_raw_fd()),
        bytes_in: frame.len() as u32,
        data_in: address(frame),
        repeat: 1,
        ..TestRun::default()
    };
    call(Command::ProgramTestRun, &mut attributes)?;
    Ok(attributes.answer)
}

fn call<A>(command: Command, attributes: &mut A) -> io::Result<RawFd> {
    let pointer: *mut A = attributes;
    // SAFETY: the kernel reads `size_of::<A>()` octets of the attributes, which are plain
    // integers laid out as `union bpf_attr` has them for this command, and takes those it is
    // not given as zero. The addresses in them are of slices that outlive the call, with the
    // sizes that the map was made with; it writes only where they were mutable.
    let answer = unsafe { libc::syscall(libc::SYS_bpf, command as i64, pointer, size_of::<A>()) };
    if answer < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(answer as RawFd)
}

fn descriptor(fd: RawFd) -> u32 {
    u32::try_from(fd).expect("open descriptors are not negative")
}

fn address(bytes: &[u8]) -> u64 {
    bytes.as_ptr().addr() as u64
}
