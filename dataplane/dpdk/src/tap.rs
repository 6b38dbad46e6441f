//! The TAP device through which the kernel takes part in a NIC's traffic.
#![allow(unsafe_code)]

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType, socket_with};
use strait_dataplane::wire::MacAddress;

/// An open TAP device.
pub(crate) struct Tap {
    fd: OwnedFd,
    interface: u32,
}

impl Tap {
    /// Opens the device of this name, which is there, gives it the NIC's hardware address and
    /// longest packet, and brings it up.
    pub(crate) fn open(name: &str, mac: MacAddress, mtu: u16) -> io::Result<Self> {
        let mut request = named(name)?;
        let control = socket_with(
            AddressFamily::INET,
            SocketType::DGRAM,
            SocketFlags::CLOEXEC,
            None,
        )?;
        ioctl(&control, libc::SIOCGIFINDEX, &mut request)?;
        // SAFETY: the kernel has written the number.
        let interface = unsafe { request.ifr_ifru.ifru_ifindex } as u32;

        let flags = OFlags::RDWR | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let fd = rustix::fs::open("/dev/net/tun", flags, Mode::empty())?;
        let mut request = named(name)?;
        request.ifr_ifru.ifru_flags = (libc::IFF_TAP | libc::IFF_NO_PI) as i16;
        ioctl(&fd, libc::TUNSETIFF, &mut request)?;

        let mut request = named(name)?;
        request.ifr_ifru.ifru_hwaddr = hardware_address(mac);
        ioctl(&control, libc::SIOCSIFHWADDR, &mut request)?;
        request.ifr_ifru.ifru_mtu = i32::from(mtu);
        ioctl(&control, libc::SIOCSIFMTU, &mut request)?;
        ioctl(&control, libc::SIOCGIFFLAGS, &mut request)?;
        // SAFETY: the kernel has written the flags.
        let flags = unsafe { request.ifr_ifru.ifru_flags };
        request.ifr_ifru.ifru_flags = flags | libc::IFF_UP as i16;
        ioctl(&control, libc::SIOCSIFFLAGS, &mut request)?;
        Ok(Self { fd, interface })
    }

    /// The kernel's number of the interface.
    pub(crate) fn interface(&self) -> u32 {
        self.interface
    }

    /// Hands a frame to the kernel; whether it took it.
    pub(crate) fn send(&self, frame: &[u8]) -> bool {
        rustix::io::write(&self.fd, frame).is_ok()
    }

    /// A frame that the kernel sends, if there is one.
    pub(crate) fn receive<'a>(&self, space: &'a mut [u8]) -> Option<&'a [u8]> {
        let length = rustix::io::read(&self.fd, &mut *space).ok()?;
        Some(&space[..length])
    }
}

impl AsFd for Tap {
    /// Readable when the kernel has sent something.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

fn named(name: &str) -> io::Result<libc::ifreq> {
    // SAFETY: plain numbers.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    if name.len() >= request.ifr_name.len() {
        return Err(Errno::NAMETOOLONG.into());
    }
    for (place, octet) in request.ifr_name.iter_mut().zip(name.bytes()) {
        *place = octet as libc::c_char;
    }
    Ok(request)
}

fn hardware_address(mac: MacAddress) -> libc::sockaddr {
    // SAFETY: plain numbers.
    let mut address: libc::sockaddr = unsafe { std::mem::zeroed() };
    address.sa_family = libc::ARPHRD_ETHER;
    for (place, octet) in address.sa_data.iter_mut().zip(mac.0) {
        *place = octet as libc::c_char;
    }
    address
}

fn ioctl(fd: impl AsFd, operation: libc::Ioctl, request: &mut libc::ifreq) -> io::Result<()> {
    // SAFETY: each of the operations used here reads and writes no more than an `ifreq`.
    match unsafe { libc::ioctl(fd.as_fd().as_raw_fd(), operation, request) } {
        0.. => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}
