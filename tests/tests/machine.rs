//! The scripts that prepare a machine for DPDK, on a made-up machine: what they change, and that
//! it is as it was once they have undone it.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

const DEVICE: &str = "0000:3b:00.0";
const PAGES: &str = "sys/devices/system/node/node0/hugepages/hugepages-2048kB/nr_hugepages";

/// A machine with one NIC on PCI, `eth0`, driven by `ixgbe`.
struct Machine {
    root: tempfile::TempDir,
    ended: Arc<AtomicBool>,
    kernel: Option<std::thread::JoinHandle<()>>,
}

impl Machine {
    fn new() -> Machine {
        let root = tempfile::tempdir().expect("a temporary directory can be made");
        let at = |path: &str| root.path().join(path);
        for directory in [
            "bin",
            "sys/bus/pci/drivers/ixgbe",
            "sys/bus/pci/drivers/vfio-pci",
            "sys/bus/pci/devices/0000:3b:00.0/iommu_group",
            "sys/kernel/iommu_groups/7",
            "sys/class/net",
            "sys/devices/system/cpu/cpu0/cpufreq",
            "sys/devices/system/node/node0/hugepages/hugepages-2048kB",
        ] {
            fs::create_dir_all(at(directory)).unwrap();
        }
        let device = format!("sys/bus/pci/devices/{DEVICE}");
        for (file, content) in [
            (format!("{device}/class"), "0x020000"),
            (format!("{device}/numa_node"), "0"),
            (format!("{device}/driver_override"), "(null)"),
            ("sys/bus/pci/drivers_probe".into(), ""),
            ("sys/bus/pci/drivers/ixgbe/unbind".into(), ""),
            ("sys/bus/pci/drivers/vfio-pci/unbind".into(), ""),
            ("sys/devices/system/cpu/online".into(), "0-3"),
            ("sys/devices/system/cpu/isolated".into(), "2-3"),
            ("sys/devices/system/cpu/nohz_full".into(), "2-3"),
            (
                "sys/devices/system/cpu/cpu0/cpufreq/scaling_governor".into(),
                "powersave",
            ),
            ("sys/devices/system/node/node0/cpulist".into(), "0-3"),
            (PAGES.into(), "3"),
            (PAGES.replace("nr_", "free_"), "3"),
        ] {
            fs::write(at(&file), format!("{content}\n")).unwrap();
        }
        drive(root.path(), "ixgbe");
        program(&at("bin/ip"), IP);
        program(&at("bin/modprobe"), "#!/bin/sh\n");
        let ended = Arc::new(AtomicBool::new(false));
        let (stop, path) = (ended.clone(), root.path().to_owned());
        let kernel = std::thread::spawn(move || {
            while !stop.load(Ordering::Relaxed) {
                probe(&path);
                std::thread::sleep(Duration::from_millis(5));
            }
        });
        Machine {
            root,
            ended,
            kernel: Some(kernel),
        }
    }

    fn run(&self, script: &str, arguments: &[&str]) -> Output {
        let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scripts");
        let path = std::env::var("PATH").unwrap_or_default();
        Command::new(scripts.join(script))
            .args(arguments)
            .env("STRAIT_ROOT", self.root.path())
            .env("PATH", format!("{}:{path}", self.at("bin").display()))
            .output()
            .expect("the script starts")
    }

    fn succeed(&self, script: &str, arguments: &[&str]) -> String {
        let output = self.run(script, arguments);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{script} {arguments:?}: {errors}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    fn refuse(&self, script: &str, arguments: &[&str]) -> String {
        let output = self.run(script, arguments);
        assert!(!output.status.success(), "{script} {arguments:?}");
        String::from_utf8_lossy(&output.stderr).into_owned()
    }

    fn at(&self, path: &str) -> PathBuf {
        self.root.path().join(path)
    }

    fn read(&self, path: &str) -> String {
        fs::read_to_string(self.at(path)).unwrap_or_default()
    }

    fn driver(&self) -> Option<String> {
        let link = fs::read_link(self.at(&format!("sys/bus/pci/devices/{DEVICE}/driver"))).ok()?;
        Some(link.file_name()?.to_string_lossy().into_owned())
    }

    /// What `ip` was told to change.
    fn changes(&self) -> Vec<String> {
        self.read("changes").lines().map(str::to_owned).collect()
    }

    /// Every file and link with its content, but what the made-up programs keep.
    fn everything(&self) -> BTreeMap<PathBuf, String> {
        let mut all = BTreeMap::new();
        let mut folders = vec![self.at("sys"), self.at("var")];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
                let path = entry.path();
                match fs::read_link(&path) {
                    Ok(link) => drop(all.insert(path, link.to_string_lossy().into_owned())),
                    Err(_) if path.is_dir() => folders.push(path),
                    Err(_) => {
                        let content = fs::read_to_string(&path).unwrap();
                        all.insert(path, content);
                    }
                }
            }
        }
        all
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
        if let Some(kernel) = self.kernel.take() {
            let _ = kernel.join();
        }
    }
}

/// Shows two addresses and a route of whatever interface is asked for, and notes what it changes.
const IP: &str = r#"#!/bin/sh
case "$*" in
  "-o address show dev eth0 scope global")
    echo '2: eth0    inet 192.0.2.1/24 brd 192.0.2.255 scope global eth0'
    echo '2: eth0    inet6 2001:db8::1/64 scope global' ;;
  "route show dev eth0")
    echo '192.0.2.0/24 proto kernel scope link src 192.0.2.1'
    echo '198.51.100.0/24 via 192.0.2.254 metric 5' ;;
  "-6 route show dev eth0")
    echo '2001:db8:9::/48 via 2001:db8::fe metric 1024 pref medium' ;;
  "route show default") cat "$STRAIT_ROOT/default" 2>/dev/null ;;
  *)
    echo "$*" >>"$STRAIT_ROOT/changes"
    case "$*" in
      "tuntap add dev "*)
        mkdir "$STRAIT_ROOT/sys/class/net/$4"
        touch "$STRAIT_ROOT/sys/class/net/$4/tun_flags" ;;
      "link delete dev "*) rm -r "$STRAIT_ROOT/sys/class/net/$4" ;;
    esac ;;
esac
"#;

fn program(path: &Path, text: &str) {
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

/// What the kernel does when a device is taken from its driver and looked at anew.
fn probe(root: &Path) {
    let pci = root.join("sys/bus/pci");
    for driver in ["ixgbe", "vfio-pci"] {
        let file = pci.join(format!("drivers/{driver}/unbind"));
        if fs::read_to_string(&file).is_ok_and(|text| text.trim() == DEVICE) {
            let _ = fs::remove_file(pci.join(format!("devices/{DEVICE}/driver")));
            let _ = fs::remove_dir_all(pci.join(format!("devices/{DEVICE}/net")));
            let _ = fs::remove_dir_all(root.join("sys/class/net/eth0"));
            fs::write(&file, "\n").unwrap();
        }
    }
    let asked = pci.join("drivers_probe");
    if fs::read_to_string(&asked).is_ok_and(|text| text.trim() == DEVICE) {
        let wanted = pci.join(format!("devices/{DEVICE}/driver_override"));
        let wanted = fs::read_to_string(wanted).unwrap();
        let driver = match wanted.trim() {
            "" => "ixgbe",
            wanted => wanted,
        };
        fs::write(&asked, "\n").unwrap();
        drive(root, driver);
    }
}

fn drive(root: &Path, driver: &str) {
    let device = root.join(format!("sys/bus/pci/devices/{DEVICE}"));
    if driver == "ixgbe" {
        fs::create_dir_all(device.join("net/eth0")).unwrap();
        let interface = root.join("sys/class/net/eth0");
        fs::create_dir_all(&interface).unwrap();
        fs::write(interface.join("address"), "02:00:00:00:00:09\n").unwrap();
        fs::write(interface.join("mtu"), "1500\n").unwrap();
        symlink(&device, interface.join("device")).unwrap();
    }
    let link = root.join(format!("sys/bus/pci/drivers/{driver}"));
    symlink(link, device.join("driver")).unwrap();
}

#[test]
fn a_bound_nic_has_a_tap_device_and_goes_back_as_it_was() {
    let machine = Machine::new();
    let said = machine.succeed("nic.sh", &["bind", "eth0"]);
    assert!(said.contains("{ name: eth0, port: dpdk, device: '0000:3b:00.0' }"));
    assert_eq!(machine.driver().as_deref(), Some("vfio-pci"));
    let addressed = [
        "address replace 192.0.2.1/24 dev eth0",
        "address replace 2001:db8::1/64 dev eth0 nodad",
        "-4 route replace 198.51.100.0/24 via 192.0.2.254 metric 5 dev eth0",
        "-6 route replace 2001:db8:9::/48 via 2001:db8::fe metric 1024 pref medium dev eth0",
    ];
    let made = [
        "tuntap add dev eth0 mode tap",
        "link set dev eth0 address 02:00:00:00:00:09 mtu 1500 up",
    ];
    assert_eq!(machine.changes(), [made.as_slice(), &addressed].concat());
    let status = machine.succeed("nic.sh", &["status"]);
    assert_eq!(status, "0000:3b:00.0 driver=vfio-pci TAP device eth0\n");
    assert!(
        machine
            .refuse("nic.sh", &["bind", DEVICE])
            .contains("bound already")
    );

    fs::remove_file(machine.at("changes")).unwrap();
    machine.succeed("nic.sh", &["unbind", "eth0"]);
    assert_eq!(machine.driver().as_deref(), Some("ixgbe"));
    let unmade = ["link delete dev eth0", "link set dev eth0 up"];
    assert_eq!(machine.changes(), [unmade.as_slice(), &addressed].concat());
    let status = machine.succeed("nic.sh", &["status"]);
    assert_eq!(status, "0000:3b:00.0 driver=ixgbe eth0\n");
    assert!(
        machine
            .refuse("nic.sh", &["unbind", DEVICE])
            .contains("not bound")
    );
}

#[test]
fn a_dry_run_changes_nothing() {
    let machine = Machine::new();
    let before = machine.everything();
    let said = machine.succeed("nic.sh", &["bind", "eth0", "--tap", "core", "--dry-run"]);
    assert!(said.contains("+ ip tuntap add dev core mode tap"));
    assert!(said.contains("+ echo vfio-pci > "));
    machine.succeed("hugepages.sh", &["reserve", "64", "--dry-run"]);
    assert_eq!(machine.everything(), before);
    assert!(machine.changes().is_empty());
}

#[test]
fn what_could_cut_the_machine_off_or_open_its_memory_is_refused() {
    let machine = Machine::new();
    fs::write(machine.at("default"), "default via 192.0.2.254 dev eth0\n").unwrap();
    let said = machine.refuse("nic.sh", &["bind", "eth0"]);
    assert!(said.contains("--force"), "{said}");
    fs::remove_file(machine.at("default")).unwrap();
    fs::remove_dir(machine.at(&format!("sys/bus/pci/devices/{DEVICE}/iommu_group"))).unwrap();
    let said = machine.refuse("nic.sh", &["bind", "eth0"]);
    assert!(said.contains("--no-iommu"), "{said}");
    assert_eq!(machine.driver().as_deref(), Some("ixgbe"));
    assert!(machine.changes().is_empty());
}

#[test]
fn huge_pages_are_reserved_and_given_back() {
    let machine = Machine::new();
    machine.succeed("hugepages.sh", &["reserve", "64"]);
    machine.succeed("hugepages.sh", &["reserve", "128"]);
    assert_eq!(machine.read(PAGES).trim(), "128");
    machine.succeed("hugepages.sh", &["reserve", "16"]);
    assert_eq!(machine.read(PAGES).trim(), "128", "there are enough");
    machine.succeed("hugepages.sh", &["release"]);
    assert_eq!(machine.read(PAGES).trim(), "3");
    machine.succeed("hugepages.sh", &["release"]);
    assert_eq!(machine.read(PAGES).trim(), "3");
    machine.refuse("hugepages.sh", &["reserve", "many"]);
    machine.refuse("hugepages.sh", &["reserve", "--node", "9"]);
}

#[test]
fn the_check_tells_what_is_missing_from_what_could_be_better() {
    let machine = Machine::new();
    let said = machine.succeed("check-host.sh", &["eth0"]);
    let first = |word| {
        let lines = said.lines().filter(|line| line.starts_with(word));
        let second = |line: &str| line.split_whitespace().nth(1).unwrap_or("").to_owned();
        lines.map(second).collect::<Vec<String>>()
    };
    let fine = [
        "iommu",
        "vfio-pci",
        "hugepages",
        "cores",
        "isolation",
        "ticks",
        "numa",
    ];
    assert_eq!(first("ok"), fine);
    assert_eq!(first("better"), ["governor"]);
    fs::write(machine.at(&PAGES.replace("nr_", "free_")), "0\n").unwrap();
    let output = machine.run("check-host.sh", &[]);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stdout).contains("missing hugepages"));
}

#[test]
fn each_has_a_manual() {
    let machine = Machine::new();
    for script in ["nic.sh", "hugepages.sh", "check-host.sh"] {
        assert!(
            machine
                .succeed(script, &["--help"])
                .contains(&format!("scripts/{script}"))
        );
        assert!(machine.refuse(script, &["--nonsense"]).contains("--help"));
    }
}
