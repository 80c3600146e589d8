//! Hot desks: agents who log in at a phone that is not theirs, and out again.
//!
//! A phone is one agent's at a time: who logs in takes it over from whoever was logged in there.

use crate::directory::{Agent, Directory, Tenant};

/// Why nobody was logged in or out. Each is a sentence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoDesk {
    /// Nobody has this extension, or this login code.
    #[error("there is no such agent")]
    NoAgent,
    /// Nobody's, or an agent's who has none.
    #[error("there is no phone at this extension")]
    NoPhone,
    /// Nobody to log out.
    #[error("nobody is logged in there")]
    Nobody,
}

/// The tenant after an agent has logged in at the phone of the agent with extension `at`.
pub fn log_in(tenant: &Tenant, extension: &str, at: &str) -> Result<Tenant, NoDesk> {
    tenant.agent(extension).ok_or(NoDesk::NoAgent)?;
    tenant.agent(at).filter(|owner| owner.device.is_some()).ok_or(NoDesk::NoPhone)?;
    let mut next = tenant.clone();
    for agent in &mut next.agents {
        if agent.extension == extension {
            agent.logged_in_at = Some(at.to_owned());
        } else if agent.logged_in_at.as_deref() == Some(at) {
            agent.logged_in_at = None;
        }
    }
    Ok(next)
}

/// The same for the agent with a login code.
pub fn log_in_by_code(tenant: &Tenant, code: &str, at: &str) -> Result<Tenant, NoDesk> {
    let agent = tenant.agent_by_login_code(code).ok_or(NoDesk::NoAgent)?;
    log_in(tenant, &agent.extension, at)
}

/// The tenant after an agent has logged out, wherever that was.
pub fn log_out(tenant: &Tenant, extension: &str) -> Result<Tenant, NoDesk> {
    tenant.agent(extension).ok_or(NoDesk::NoAgent)?;
    without(tenant, |agent| agent.extension == extension)
}

/// The tenant after whoever is logged in at this phone has logged out.
pub fn log_out_at(tenant: &Tenant, at: &str) -> Result<Tenant, NoDesk> {
    without(tenant, |agent| agent.logged_in_at.as_deref() == Some(at))
}

fn without(tenant: &Tenant, leaves: impl Fn(&Agent) -> bool) -> Result<Tenant, NoDesk> {
    let mut next = tenant.clone();
    let mut left = Err(NoDesk::Nobody);
    for agent in next.agents.iter_mut().filter(|agent| leaves(agent)) {
        if agent.logged_in_at.take().is_some() {
            left = Ok(());
        }
    }
    left.map(|()| next)
}

impl Directory {
    /// Whose phone a device is: the tenant, and the agent's extension.
    pub fn phone(&self, device: &str) -> Option<(&str, &str)> {
        let is_it = |agent: &&Agent| agent.device.as_ref().is_some_and(|own| own.device() == Some(device));
        self.tenants.values().find_map(|tenant| {
            let agent = tenant.agents.iter().find(is_it)?;
            Some((tenant.id.as_str(), agent.extension.as_str()))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::directory::{apply, file};

    fn demo() -> Directory {
        let file = file::parse(include_str!("../../tests/lab/demo.toml")).unwrap();
        apply(&Directory::default(), &file.tenants).unwrap()
    }

    fn desk(tenant: &Tenant, extension: &str) -> Option<String> {
        tenant.agent(extension).unwrap().logged_in_at.clone()
    }

    #[test]
    fn who_logs_in_takes_the_phone_over() {
        let directory = demo();
        let tenant = directory.tenant("demo").unwrap();
        assert_eq!(desk(tenant, "107").as_deref(), Some("101"));
        let next = log_in_by_code(tenant, "2222", "101").unwrap();
        assert_eq!(desk(&next, "102").as_deref(), Some("101"));
        assert_eq!((desk(&next, "101"), desk(&next, "107")), (None, None));
        assert_eq!(desk(&next, "104"), desk(tenant, "104"), "the others stay where they are");
        let out = log_out_at(&next, "101").unwrap();
        assert_eq!(desk(&out, "102"), None);
        assert_eq!(log_out_at(&out, "101"), Err(NoDesk::Nobody));
    }

    #[test]
    fn a_phone_belongs_to_the_agent_whose_device_it_is() {
        let directory = demo();
        assert_eq!(directory.phone("PJSIP/101"), Some(("demo", "101")));
        assert_eq!(directory.phone("PJSIP/201"), Some(("other", "201")));
        assert_eq!(directory.phone("PJSIP/carrier"), None);
    }

    #[test]
    fn nobody_logs_in_at_what_is_no_phone() {
        let directory = demo();
        let tenant = directory.tenant("demo").unwrap();
        assert_eq!(log_in(tenant, "102", "107"), Err(NoDesk::NoPhone), "107 has none of her own");
        assert_eq!(log_in(tenant, "102", "700"), Err(NoDesk::NoPhone));
        assert_eq!(log_in(tenant, "199", "101"), Err(NoDesk::NoAgent));
        assert_eq!(log_in_by_code(tenant, "0000", "101"), Err(NoDesk::NoAgent));
        assert_eq!(log_in_by_code(tenant, "2020", "101"), Err(NoDesk::NoAgent), "another tenant's code");
        assert_eq!(log_out(tenant, "199"), Err(NoDesk::NoAgent));
    }
}
