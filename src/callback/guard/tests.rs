//! Tables of addresses and URLs.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use proptest::prelude::*;

use super::*;

/// PROMISED: no connection into these, ever.
const PRIVATE: [&str; 27] = [
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.0.0.0/24",
    "192.0.2.0/24",
    "192.88.99.0/24",
    "192.168.0.0/16",
    "198.18.0.0/15",
    "198.51.100.0/24",
    "203.0.113.0/24",
    "224.0.0.0/4",
    "240.0.0.0/4",
    "::/128",
    "::1/128",
    "64:ff9b::/96",
    "64:ff9b:1::/48",
    "100::/64",
    "2001::/23",
    "2001:db8::/32",
    "3fff::/20",
    "5f00::/16",
    "fc00::/7",
    "fe80::/10",
    "fec0::/10",
];

const PUBLIC: [&str; 22] = [
    "1.1.1.1",
    "8.8.8.8",
    "9.255.255.255",
    "11.0.0.0",
    "100.63.255.255",
    "100.128.0.0",
    "126.255.255.255",
    "128.0.0.0",
    "169.253.255.255",
    "169.255.0.0",
    "172.15.255.255",
    "172.32.0.0",
    "192.0.1.0",
    "192.167.255.255",
    "192.169.0.0",
    "198.17.255.255",
    "198.20.0.0",
    "223.255.255.255",
    "2606:4700::1111",
    "2a00:1450:4001::1",
    "2001:200::1",
    "::ffff:8.8.8.8",
];

fn strict() -> Guard {
    Guard::default()
}

fn judged(guard: &Guard, address: &str, port: u16) -> Result<(), Blocked> {
    guard.check_addr(SocketAddr::new(address.parse().unwrap(), port))
}

#[test]
fn the_ends_and_the_middle_of_each_private_network_are_blocked() {
    for text in PRIVATE.iter().copied().chain(["ff00::/8"]) {
        let network: IpNet = text.parse().unwrap();
        for ip in [network.network(), network.broadcast(), middle(network)] {
            for port in [80, 443, 8080] {
                let outcome = strict().check_addr(SocketAddr::new(ip, port));
                assert!(matches!(outcome, Err(Blocked::Network { .. })), "{ip} of {text}: {outcome:?}");
            }
            let url = match ip {
                IpAddr::V4(ip) => format!("http://{ip}/x"),
                IpAddr::V6(ip) => format!("https://[{ip}]:8443/x"),
            };
            assert!(strict().check_url(&url).is_err(), "{url}");
        }
    }
}

fn middle(network: IpNet) -> IpAddr {
    match network {
        IpNet::V4(net) => {
            let (a, b) = (u32::from(net.network()), u32::from(net.broadcast()));
            Ipv4Addr::from(a + (b - a) / 2).into()
        }
        IpNet::V6(net) => {
            let (a, b) = (u128::from(net.network()), u128::from(net.broadcast()));
            Ipv6Addr::from(a + (b - a) / 2).into()
        }
    }
}

#[test]
fn their_public_neighbours_are_not() {
    for address in PUBLIC {
        assert_eq!(judged(&strict(), address, 443), Ok(()), "{address}");
        let url = if address.contains(':') { format!("https://[{address}]/") } else { format!("https://{address}/") };
        assert_eq!(strict().check_url(&url), Ok(()), "{url}");
    }
}

#[test]
fn a_v4_address_is_blocked_in_every_spelling() {
    for text in ["127.0.0.1", "169.254.169.254", "10.1.2.3", "192.168.0.1", "0.0.0.0", "100.64.0.1", "172.31.255.255"] {
        let ip: Ipv4Addr = text.parse().unwrap();
        for host in spellings(ip) {
            for port in ["", ":8080"] {
                for scheme in ["http", "https", "HTTP", "hTTps"] {
                    let url = format!("{scheme}://{host}{port}/hook?x=1");
                    assert!(strict().check_url(&url).is_err(), "{url}");
                }
            }
        }
    }
}

#[expect(clippy::many_single_char_names, reason = "the four octets, as everybody calls them")]
fn spellings(ip: Ipv4Addr) -> Vec<String> {
    let [a, b, c, d] = ip.octets();
    let n = u32::from(ip);
    let plain = ip.to_string();
    let low = n & 0x00ff_ffff;
    let (high, half) = (n >> 16, n & 0xffff);
    vec![
        format!("{a}.{b}.{c}.{d}"),
        format!("{a}.{b}.{c}.{d}."),
        format!("{n}"),
        format!("{n:#x}"),
        format!("{n:#X}").replace("0X", "0x"),
        format!("0{n:o}"),
        format!("{a:#x}.{b:#x}.{c:#x}.{d:#x}"),
        format!("0{a:o}.0{b:o}.0{c:o}.0{d:o}"),
        format!("000{a:o}.{b}.{c:#x}.{d}"),
        format!("{a}.{low}"),
        format!("{a:#x}.{low:#x}"),
        format!("{a}.{b}.{}", u32::from(c) << 8 | u32::from(d)),
        format!("%{:02x}{}", plain.as_bytes()[0], &plain[1..]),
        format!("{a}%2e{b}%2E{c}.{d}"),
        format!("{a}.{b}.{c}.{d}").chars().map(|c| if c.is_ascii_digit() { wide(c) } else { c }).collect(),
        format!("{a}。{b}。{c}。{d}"),
        format!("[::ffff:{a}.{b}.{c}.{d}]"),
        format!("[::ffff:{high:x}:{half:x}]"),
        format!("[0:0:0:0:0:FFFF:{high:x}:{half:x}]"),
        format!("[::{a}.{b}.{c}.{d}]"),
        format!("[64:ff9b::{high:x}:{half:x}]"),
        format!("[64:ff9b::{a}.{b}.{c}.{d}]"),
        format!("[64:ff9b:1::{a}.{b}.{c}.{d}]"),
        format!("[2002:{high:x}:{half:x}::1]"),
        format!("[2001:0:{high:x}:{half:x}::1]"),
    ]
}

fn wide(digit: char) -> char {
    char::from_u32(u32::from(digit) - u32::from('0') + 0xff10).unwrap()
}

#[test]
fn a_6to4_address_is_judged_by_the_address_in_it() {
    assert!(judged(&strict(), "2002:7f00:1::1", 80).is_err());
    assert!(judged(&strict(), "2002:a9fe:a9fe::1", 80).is_err());
    assert_eq!(judged(&strict(), "2002:808:808::1", 80), Ok(()));
}

#[test]
fn ports_are_open_but_for_the_low_ones_and_asterisks_own() {
    for port in 1..=u16::MAX {
        let open = matches!(port, 80 | 443 | 1024..) && !matches!(port, 5038 | 5039 | 5060 | 5061 | 8088 | 8089);
        assert_eq!(judged(&strict(), "8.8.8.8", port).is_ok(), open, "{port}");
        let url = format!("http://crm.example:{port}/");
        let expected = if open { Ok(()) } else { Err(Blocked::Port(port)) };
        assert_eq!(strict().check_url(&url), expected, "{url}");
    }
}

#[test]
fn what_is_not_a_plain_web_address_is_refused_in_words() {
    let table = [
        ("http://u:p@crm.example/", "a URL with a user name or password is not allowed"),
        ("http://u@crm.example/", "a URL with a user name or password is not allowed"),
        ("http://:p@crm.example/", "a URL with a user name or password is not allowed"),
        ("http://crm.example@127.0.0.1/", "a URL with a user name or password is not allowed"),
        ("file:///etc/passwd", "the scheme \"file\" is not allowed: only http and https are"),
        ("gopher://crm.example/", "the scheme \"gopher\" is not allowed: only http and https are"),
        ("ftp://crm.example/", "the scheme \"ftp\" is not allowed: only http and https are"),
        ("javascript:alert(1)", "the scheme \"javascript\" is not allowed: only http and https are"),
        ("data:text/plain,x", "the scheme \"data\" is not allowed: only http and https are"),
        ("ws://crm.example/", "the scheme \"ws\" is not allowed: only http and https are"),
        ("unix:/run/x.sock", "the scheme \"unix\" is not allowed: only http and https are"),
        ("http://$notes$.evil/", "\"$notes$.evil\" is not a host name"),
        ("http://crm.example:25/", "port 25 is not allowed"),
        ("http://crm.example:5038/", "port 5038 is not allowed"),
        ("http://crm.example:8088/", "port 8088 is not allowed"),
        ("http://crm.example:0/", "port 0 is not allowed"),
        ("http://127.0.0.1/", "the address 127.0.0.1 is in 127.0.0.0/8, which callbacks may not reach"),
        ("http://[::1]/", "the address ::1 is in ::/96, which callbacks may not reach"),
    ];
    for (url, words) in table {
        assert_eq!(strict().check_url(url).map_err(|blocked| blocked.to_string()), Err(words.to_owned()), "{url}");
    }
    for url in [
        "",
        "crm.example",
        "//crm.example/",
        "/hook",
        "http://",
        "http:///",
        "http://[::1",
        "http://[fe80::1%25eth0]/",
        "http://crm.example:99999/",
        "http://a b/",
        "http://256.1.1.1/",
        "http://1.2.3.4.5/",
        "http://0x/",
        "https://%00/",
        "http://::1/",
    ] {
        assert!(strict().check_url(url).is_err(), "{url}");
    }
}

#[test]
fn the_urls_of_the_attack_table_are_refused() {
    for url in [
        "http://127.0.0.1:5038/",
        "http://169.254.169.254/latest/meta-data/",
        "http://[::ffff:7f00:1]/",
        "http://0x7f.1/",
        "http://2130706433/",
        "http://[fd00:ec2::254]/",
        "http://[64:ff9b::a9fe:a9fe]/",
        "http://localhost/",
        "http://LOCALHOST.:8080/",
        "http://crm.localhost/",
        "http://u:p@crm.example/",
        "file:///etc/passwd",
        "gopher://127.0.0.1:5038/_Action",
        "http://crm.example:25/",
        "http://crm.example:5038/",
        "http://crm.example:8088/",
        "http:\\\\127.0.0.1\\",
        "http:127.0.0.1",
        "http:/127.0.0.1",
        "\thttp://127.\n0.0.1/",
    ] {
        assert!(strict().check_url(url).is_err(), "{url:?}");
    }
}

#[test]
fn ordinary_receivers_are_accepted() {
    for url in [
        "https://crm.example/",
        "http://crm.example/hook?a=b#c",
        "https://crm.example:8443/x",
        "HTTPS://CRM.EXAMPLE/",
        "https://hooks.crm.example/services/T0/B0/x%20y",
        "https://bücher.example/",
        "https://a_b.crm.example./",
        "http://crm.example:1024/",
        "http://crm.example:65535/",
        "https://crm.example/?to=http://127.0.0.1/",
        "https://crm.example/@127.0.0.1/",
        "http://localhost.crm.example/",
        "https://crm.example/$notes$?c=$caller_id$",
    ] {
        assert_eq!(strict().check_url(url), Ok(()), "{url}");
    }
}

fn guard(networks: &[&str], ports: &[&str]) -> Guard {
    let networks: Vec<IpNet> = networks.iter().map(|text| text.parse().unwrap()).collect();
    let ports: Vec<String> = ports.iter().map(|text| (*text).to_owned()).collect();
    Guard::new(&networks, &ports).unwrap()
}

#[test]
fn the_allow_list_goes_before_blocked_networks_and_ports() {
    let demo = guard(&["127.0.0.1/32"], &["8090-8099", "5038"]);
    for port in [8090, 8095, 8099, 5038] {
        assert_eq!(judged(&demo, "127.0.0.1", port), Ok(()), "{port}");
        assert_eq!(judged(&demo, "::ffff:127.0.0.1", port), Ok(()), "{port}");
        assert_eq!(demo.check_url(&format!("http://localhost:{port}/")), Ok(()));
    }
    for (address, port) in
        [("127.0.0.1", 8089), ("127.0.0.1", 80), ("127.0.0.2", 8090), ("::1", 8090), ("10.0.0.1", 8090)]
    {
        assert!(judged(&demo, address, port).is_err(), "{address}:{port}");
    }
    assert_eq!(judged(&demo, "8.8.8.8", 443), Ok(()), "the rest of the world is as ever");
    assert_eq!(judged(&demo, "8.8.8.8", 5038), Err(Blocked::Port(5038)), "the ports are those networks' own");
}

#[test]
fn without_listed_ports_an_allowed_network_has_the_usual_ones() {
    let office = guard(&["10.0.0.0/8", "fd00::/8"], &[]);
    assert_eq!(judged(&office, "10.9.8.7", 8080), Ok(()));
    assert_eq!(judged(&office, "fd00:ec2::254", 443), Ok(()));
    assert_eq!(office.check_url("http://0xa.1/"), Ok(()));
    for port in [25, 5038, 8088] {
        assert!(judged(&office, "10.9.8.7", port).is_err(), "{port}");
    }
    assert!(judged(&office, "192.168.0.1", 8080).is_err());
}

#[test]
fn listed_ports_are_ports_or_ranges() {
    for bad in ["", "0", "x", "1-", "-1", "9-8", "70000", "1-70000", "80,81"] {
        assert_eq!(Guard::new(&[], &[bad.to_owned()]).err(), Some(NotAPort(bad.to_owned())));
    }
}

proptest! {
    /// Against the plain list, written a second time.
    #[test]
    fn every_v4_address_is_judged_as_the_list_says(bits in any::<u32>(), mapped in any::<bool>()) {
        let ip = Ipv4Addr::from(bits);
        let listed = PRIVATE.iter().filter_map(|text| text.parse::<Ipv4Net>().ok()).any(|network| network.contains(&ip));
        let ip = if mapped { IpAddr::V6(ip.to_ipv6_mapped()) } else { IpAddr::V4(ip) };
        prop_assert_eq!(strict().check_addr(SocketAddr::new(ip, 443)).is_err(), listed);
    }

    #[test]
    fn no_text_is_too_odd_to_be_judged(text in "(https?://)?\\PC{0,60}") {
        let _ = strict().check_url(&text);
    }

    /// What is accepted as a URL with an address is accepted as that address, and the reverse.
    #[test]
    fn url_and_socket_are_judged_alike(bits in any::<u128>(), port in 1u16..) {
        let ip = Ipv6Addr::from(bits);
        let by_url = strict().check_url(&format!("http://[{ip}]:{port}/"));
        prop_assert_eq!(by_url, strict().check_addr(SocketAddr::from((ip, port))));
    }
}
