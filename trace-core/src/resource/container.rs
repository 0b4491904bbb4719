//! `container.id`, from the control groups of Linux.

use super::read;
use crate::model::KeyValue;

pub(super) fn detect() -> Vec<KeyValue> {
    let id = read::text("/proc/self/cgroup")
        .and_then(|text| from_cgroup(&text))
        .or_else(|| read::text("/proc/self/mountinfo").and_then(|text| from_mountinfo(&text)));
    id.map(|id| KeyValue::new("container.id", id)).into_iter().collect()
}

/// Version 1: the last segment of a group's path, such as `/docker/<id>` or `/kubepods/.../cri-containerd-<id>.scope`.
fn from_cgroup(text: &str) -> Option<String> {
    text.lines().find_map(|line| {
        let last = line.rsplit('/').next()?;
        let last = last.strip_suffix(".scope").unwrap_or(last);
        let last = last.rsplit(['-', ':']).next()?;
        id(last)
    })
}

/// Version 2: the group's path is hidden, but files such as `hostname` are mounted from the container's folder.
fn from_mountinfo(text: &str) -> Option<String> {
    let own = text.lines().filter(|l| {
        ["/etc/hostname", "/etc/resolv.conf", "/etc/hosts"].iter().any(|p| l.split(' ').nth(4) == Some(*p))
    });
    own.flat_map(|line| line.split(' ').nth(3)).flat_map(|root| root.split('/')).find_map(id)
}

/// 64 hexadecimal digits: an OCI container.
fn id(text: &str) -> Option<String> {
    (text.len() == 64 && text.bytes().all(|b| b.is_ascii_hexdigit())).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "dc64b5743252dbaef6e30521c34d6bbd1620c8ce65bdb7bf9e7143b61bb5b183";

    #[test]
    fn docker_podman_and_kubernetes_are_recognized_in_the_groups() {
        for line in [
            format!("13:name=systemd:/docker/{ID}"),
            format!("0::/system.slice/docker-{ID}.scope"),
            format!("1:cpu:/kubepods/burstable/pod1/{ID}"),
            format!("0::/kubepods.slice/kubepods-pod1.slice/cri-containerd-{ID}.scope"),
            format!("0::/user.slice/libpod-{ID}.scope"),
            format!("1:cpu:/kubepods.slice:cri-containerd:{ID}"),
        ] {
            let text = format!("12:pids:/\n{line}\n");
            assert_eq!(from_cgroup(&text).as_deref(), Some(ID), "{line}");
        }
        assert_eq!(from_cgroup("0::/\n"), None);
        assert_eq!(from_cgroup("0::/user.slice/user-1000.slice/session-3.scope\n"), None);
    }

    #[test]
    fn the_mounts_tell_where_the_groups_do_not() {
        let text = format!(
            "600 590 254:1 / / rw - overlay overlay rw\n\
             704 600 254:1 /var/lib/docker/containers/{ID}/hostname /etc/hostname rw - ext4 /dev/vda1 rw\n"
        );
        assert_eq!(from_mountinfo(&text).as_deref(), Some(ID));
        let host = format!("704 600 254:1 /data/{ID}/x /srv rw - ext4 /dev/vda1 rw\n");
        assert_eq!(from_mountinfo(&host), None, "a mount of something else");
    }
}
