//! Passwords of agents: how they are hashed, and which hashes are taken.
//!
//! Argon2id with 19 MiB, two passes and one lane, as OWASP's Password Storage Cheat Sheet has it. A hash
//! that comes in ready made may cost more, up to a bound: comparing with it must not exhaust the daemon.
//! Hashing takes a good part of a tenth of a second on purpose: not for threads that others wait for.

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _};

use crate::directory::{Directory, Sealed, Tenant};

/// What is wrong with a password that is not good, to follow its name.
pub const NOT_GOOD: &str = "is not 8 to 256 characters long";

/// KiB, passes and lanes that a hash may cost at most.
const DEAREST: (u32, u32, u32) = (128 * 1024, 16, 16);

/// Whether it may be somebody's password.
pub fn is_good(password: &str) -> bool {
    (8..=256).contains(&password.chars().count())
}

/// Whether it is a hash that passwords can be compared with: Argon2id in PHC form, at a bearable price.
pub fn is_hash(text: &str) -> bool {
    let Ok(hash) = PasswordHash::new(text) else { return false };
    let Ok(params) = argon2::Params::try_from(&hash) else { return false };
    let (memory, passes, lanes) = DEAREST;
    hash.algorithm.as_str() == "argon2id"
        && hash.salt.is_some()
        && hash.hash.is_some()
        && params.m_cost() <= memory
        && params.t_cost() <= passes
        && params.p_cost() <= lanes
}

/// The hash of a password, with a salt of its own.
///
/// # Panics
///
/// Never: what could make hashing fail is fixed here.
pub fn hash(password: &Sealed) -> Sealed {
    let salt: [u8; 16] = rand::random();
    let hash: PasswordHash = Argon2::default()
        .hash_password_with_salt(password.expose().as_bytes(), &salt)
        .expect("the parameters are the defaults, and the salt has 16 bytes");
    Sealed::new(hash.to_string())
}

/// Whether this is the password of that hash.
pub fn fits(password: &Sealed, hash: &Sealed) -> bool {
    let Ok(hash) = PasswordHash::new(hash.expose()) else { return false };
    Argon2::default().verify_password(password.expose().as_bytes(), &hash).is_ok()
}

/// Puts hashes in place of all good passwords in clear; the others are left for the check to find. One
/// that is the agent's password already keeps its hash, so that the same file again changes nothing.
pub fn seal(tenants: &mut [Tenant], stored: &Directory) {
    for tenant in tenants {
        let stored = stored.tenant(&tenant.id);
        for agent in &mut tenant.agents {
            let Some(password) = agent.password.take_if(|password| is_good(password.expose())) else { continue };
            let known = stored.and_then(|stored| stored.agent(&agent.extension)?.password_hash.as_ref());
            let kept = known.filter(|known| fits(&password, known)).cloned();
            agent.password_hash = Some(kept.unwrap_or_else(|| hash(&password)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHEAP: &str = "$argon2id$v=19$m=8,t=1,p=1$ZGlhbGJyaWRnZS1kZW1vIQ$97ZRZVYebfyfUbIWu1J4fKvqL9lgs+dSMIIYpBx2r3Q";

    #[test]
    fn a_password_is_known_by_its_hash_and_no_two_hashes_are_alike() {
        let password = Sealed::new("demo-pass");
        let (one, two) = (hash(&password), hash(&password));
        assert_ne!(one, two);
        assert!(fits(&password, &one) && fits(&password, &two) && is_hash(one.expose()));
        assert!(!fits(&Sealed::new("demo-pasS"), &one));
        assert!(one.expose().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{}", one.expose());
    }

    #[test]
    fn a_hash_of_another_kind_or_price_is_not_taken() {
        assert!(is_hash(CHEAP));
        for bad in [
            "",
            "clear",
            "$argon2id$",
            "$argon2id$v=19$m=8,t=1,p=1",
            &CHEAP.replace("argon2id", "argon2i"),
            &CHEAP.replace("m=8", "m=4194304"),
            &CHEAP.replace("t=1", "t=1000"),
            &CHEAP.replace("m=8,t=1,p=1", "m=131072,t=1,p=64"),
            &CHEAP.replace("m=8", "m=x"),
        ] {
            assert!(!is_hash(bad), "{bad}");
        }
    }

    #[test]
    fn a_password_is_long_enough_and_not_endless() {
        assert!(is_good("עברית123") && is_good(&"x".repeat(256)));
        assert!(!is_good("1234567") && !is_good(&"x".repeat(257)) && !is_good(""));
    }
}
