# The part of vm_activity.sh that goes through processes, control groups and connections. It gets
# lines: clock SECONDS, and what grep -H finds in /proc/*/stat. "-" is what cannot be read.
# Sources: proc(5), cgroups(7), Linux Documentation/admin-guide/cgroup-v2.rst.

function text_of(path,   line, all) {
    all = ""
    while ((getline line < path) > 0) all = all line "\n"
    close(path)
    return all
}

# A name may hold anything, line ends and parentheses too; what follows its last ")" is ours.
function read_process(pid, text,   f, start) {
    start = index(text, "(")
    if (!start || !match(text, /.*\)/)) return
    name[pid] = substr(text, start + 1, RLENGTH - start - 1)
    if (split(substr(text, RLENGTH + 2), f, " ") < 20) { delete name[pid]; return }
    state[pid] = f[1]; parent[pid] = f[2]; tty[pid] = f[5] + 0
    ticks[pid] = f[12] + f[13] + f[14] + f[15]  # its own, and those of children it has waited for
    started[pid] = f[20] + 0
}

# To ask for a name that is not there would make one.
function is_named(pid, pattern) { return (pid in name) && name[pid] ~ pattern }

function title_of(pid,   line) {
    line = ""
    getline line < (proc "/" pid "/cmdline")
    close(proc "/" pid "/cmdline")
    return line
}

# All of its words. BusyBox ends a string where its first word ends, so another program reads them.
function command_of(pid,   command, line) {
    command = "tr \"\\0\" \" \" <" proc "/" pid "/cmdline"
    line = ""
    command | getline line
    close(command)
    return line
}

# The highest process at or above one that is marked. Each is climbed only once.
function top(pid, marked, known,   path, n, p, found) {
    n = 0
    for (p = pid; (p in name) && !(p in known) && n < 100000; p = parent[p]) {
        path[++n] = p
        known[p] = ""
    }
    found = (p in known) ? known[p] : ""
    for (; n > 0; n--) {
        p = path[n]
        if (found == "" && (p in marked)) found = p
        known[p] = found
    }
    return found
}

# Ids of containers are found in the control groups of what the engine's shims have started: of
# each the last one, as a machine may be a container itself. The first process is the oldest.
# Source: containerd, runtime/v2/shim; runc, libcontainer/cgroups.
function ids_of(pid, parts,   text, all, n, i, count) {
    text = text_of(proc "/" pid "/cgroup")
    n = split(text, all, /[^0-9a-f]+/)
    count = 0
    for (i = 1; i <= n; i++) if (length(all[i]) == 64) parts[++count] = all[i]
    return count
}

function find_containers(   p, parts, n, id) {
    for (p in name) {
        if (!is_named(parent[p], "^(docker-containe|containerd-shim)")) continue
        n = ids_of(p, parts)
        if (!n) continue
        id = parts[n]
        if (!(id in first) || started[p] < started[first[id]]) first[id] = p
    }
}

# Of a container within a container the outer one: the engine knows no other.
function container_of(pid,   parts, n, i) {
    n = ids_of(pid, parts)
    for (i = 1; i <= n; i++) if (parts[i] in first) return parts[i]
    return ""
}

# --- CPU time ---

function read_mounts(   line, f) {
    while ((getline line < (proc "/self/mounts")) > 0) {
        split(line, f, " ")
        if (f[3] == "cgroup" && ("," f[4] ",") ~ /,cpuacct,/) v1 = f[2]
        if (f[3] == "cgroup2") v2 = f[2]
    }
    close(proc "/self/mounts")
}

function group_of(pid,   line, f, path) {  # sets group1, group2
    group1 = group2 = ""
    while ((getline line < (proc "/" pid "/cgroup")) > 0) {
        split(line, f, ":")
        path = substr(line, length(f[1]) + length(f[2]) + 3)
        if (("," f[2] ",") ~ /,cpuacct,/) group1 = path
        if (f[1] == "0" && f[2] == "") group2 = path
    }
    close(proc "/" pid "/cgroup")
}

function seconds_of_v1(path,   text) {
    text = text_of(v1 path "/cpuacct.usage")
    return text ~ /^[0-9]+\n$/ ? sprintf("%.3f", text / 1e9) : "-"
}

function seconds_of_v2(path,   text, f, n, i) {
    text = text_of(v2 path "/cpu.stat")
    n = split(text, f, /[ \n]/)
    for (i = 1; i < n; i++)
        if (f[i] == "usage_usec") return sprintf("%.3f", f[i + 1] / 1e6)
    return "-"
}

function container_seconds(pid) {
    group_of(pid)
    if (v1 != "" && group1 != "") return seconds_of_v1(group1)
    if (v2 != "" && group2 != "") return seconds_of_v2(group2)
    return "-"
}

function is_inner(group) { return group != "" && group != "/" && group != "/init.scope" }

# A machine that is a container itself is shown the CPU time of the machine below it: its own is
# what its control group counts.
function machine_seconds(   text, f) {
    group_of(1)
    if (v1 != "" && is_inner(group1)) return seconds_of_v1(group1)
    if (v1 == "" && v2 != "") {
        if (text_of(v2 "/cgroup.type") != "") return seconds_of_v2("")  # the true root has no type
        if (is_inner(group2)) return seconds_of_v2(group2)
    }
    text = text_of(proc "/stat")
    if (split(text, f, /[ \n]+/) < 9 || f[1] != "cpu") return "-"
    return sprintf("%.2f", (f[2] + f[3] + f[4] + f[7] + f[8]) / 100)  # user nice system irq softirq
}

function booted(   line, f, found) {
    while ((getline line < (proc "/stat")) > 0)
        if (split(line, f, " ") == 2 && f[1] == "btime") found = f[2]
    close(proc "/stat")
    return found
}

function since_boot(ticks) { return btime == "" ? "-" : sprintf("%.2f", btime + ticks / 100) }

# --- network ---

function bytes_of(pid,   line, n, f, sum, is_read) {
    sum = 0
    while ((getline line < (proc "/" pid "/net/dev")) > 0) {
        is_read = 1
        n = index(line, ":")
        if (!n || line ~ /\|/ || line ~ /^ *lo:/) continue
        split(substr(line, n + 1), f, " ")
        sum += f[1] + f[9]
    }
    close(proc "/" pid "/net/dev")
    return is_read ? sprintf("%.0f", sum) : "-"
}

function is_loopback(address) {
    return address ~ /^......7F$/ || address ~ /^0+01000000$/ || \
        address ~ /^0000000000000000FFFF0000......7F$/
}

# Whether a network has TCP sockets at all. The kernel looks through those of all networks to list
# the ones of one, which takes milliseconds.
function has_sockets(path, kind,   line, f, count) {
    count = "?"
    while ((getline line < path) > 0)
        if (split(line, f, " ") >= 3 && f[1] == kind && f[2] == "inuse") count = f[3]
    close(path)
    return count != "0"
}

# How many connections there are to each port at which somebody listens: "8787=2,3838=1".
function read_table(path, listening, count,   line, f, here, there, is_read) {
    while ((getline line < path) > 0) {
        if (!is_read) { is_read = 1; continue }
        if (split(line, f, " ") < 4) continue
        split(f[2], here, ":"); split(f[3], there, ":")
        if (f[4] == "0A") listening[here[2]]
        if (f[4] == "01" && !is_loopback(there[1])) count[here[2]]++
    }
    close(path)
    return is_read
}

function connections(pid,   net, listening, count, port, all) {
    net = proc "/" pid "/net/"
    if (has_sockets(net "sockstat", "TCP:") && !read_table(net "tcp", listening, count)) return "-"
    # There is none where IPv6 is off.
    if (has_sockets(net "sockstat6", "TCP6:")) read_table(net "tcp6", listening, count)
    all = "connections"
    for (port in count) if (port in listening) all = all "," decimal(port) "=" count[port]
    return all
}

function decimal(hex,   i, number) {
    number = 0
    for (i = 1; i <= length(hex); i++)
        number = number * 16 + index("0123456789ABCDEF", substr(hex, i, 1)) - 1
    return number
}

# --- logins ---

# sshd names its processes after what they do. Of one connection the highest is counted, unless it
# has a child that still asks who is there ("[net]", sshd-auth): anybody can get that far. The
# bot, and each of its replicas, has a process named "ds-bot" below its connection (ssh.py). One that
# is younger than 10 s may be about to get it: it is nobody if nothing happens on it, or only that.
# Source: openssh-portable 9.2 to 10.0, sshd.c, sshd-session.c, session.c (setproctitle).
function logins(   p, c, title, own, count, n, command, terminals, uptime, young) {
    for (p in name) {
        if (name[p] == "sshd-auth") { asking[parent[p]]; continue }
        if (name[p] != "sshd" && name[p] != "sshd-session") continue
        title = title_of(p)
        if (title !~ /^sshd(-session)?: / || title ~ /\[listener\]/) continue
        if (container_of(p) != "") continue  # of a container's own sshd
        if (title ~ /\[net\]/) { asking[parent[p]]; continue }
        if (title ~ /\[(accepted|preauth)\]/) continue
        sshd[p] = title
    }
    split(text_of(proc "/uptime"), uptime, " ")
    young = uptime[1] == "" ? started[1] + 1e18 : (uptime[1] - 10) * 100
    own = top(self, sshd, above)
    if (own == "") return "-"
    for (p in name) {
        c = top(p, sshd, above)
        if (c == "" || c == own) continue
        if (name[p] == "ds-bot" && (parent[p] in sshd)) ours[c]
        if (started[c] < young || ((p in sshd) && sshd[p] ~ /@pts\//)) busy[c]
        # Before a session begins, PAM runs programs of its own.
        if (started[c] < young || !(parent[p] in sshd) || sshd[parent[p]] !~ /@/) continue
        if (is_named(p, "^sshd")) continue
        command = command_of(p)
        # One that just becomes another program has none.
        if (command == "" || command ~ / ds-bot(-activity)?( |$)/) ours[c]
        else busy[c]
    }
    count = 0
    for (c in busy) if (!(c in asking) && !(c in ours)) count++
    for (p in name) {  # shells at consoles: /dev/tty*, /dev/ttyS*, /dev/hvc*
        n = int(tty[p] / 256) % 4096
        if ((n == 4 || n == 229) && name[p] ~ /^(ba|da|a|z|k|fi|tc|c)?sh$/) terminals[tty[p]]
    }
    for (p in terminals) count++
    return count
}

# --- R ---

function is_app(pid,   p, n) {  # an R of Shiny Server, which is a program of Node.js
    if (name[pid] != "R" || state[pid] == "Z" || is_named(parent[pid], "^R$")) return 0
    for (p = parent[pid]; (p in name) && n < 20; p = parent[p]) {
        if (name[p] ~ /^(shiny-server$|node|MainThread)/) return 1
        n++
    }
    return 0
}

function read_r(   p, r, id) {
    for (p in name) {
        if (name[p] == "rsession" && state[p] != "Z") rsession[p]
        if (name[p] == "rserver") rstudio[container_of(p)]
        if (name[p] == "shiny-server" || (name[p] ~ /^(node|MainThread)/ && command_of(p) ~ /shiny-server/))
            shiny[container_of(p)]
    }
    for (p in name) {
        r = top(p, rsession, session)
        if (r != "") session_ticks[r] += ticks[p]
        else if (is_app(p)) viewers[container_of(p)]++
    }
    for (r in session_ticks) {
        id = container_of(r)
        sessions[id]++
        rstudio[id]
        in_sessions[id] += session_ticks[r]
        if (!(id in oldest) || started[r] < oldest[id]) oldest[id] = started[r]
    }
}

# --- what was asked ---

$1 == "clock" { clock = $2 }
/^[0-9]+\/stat:/ {
    pid = substr($0, 1, index($0, "/") - 1)
    stat[pid] = stat[pid] substr($0, index($0, ":") + 1) "\n"
}

END {
    for (pid in stat) read_process(pid, stat[pid])
    is_whole = 1 in name
    read_mounts()
    boot = text_of(proc "/sys/kernel/random/boot_id")
    sub(/\n$/, "", boot)
    if (boot != "" && is_whole) print "boot", boot "-" sprintf("%.0f", started[1])
    print "clock", clock
    print "cpu", machine_seconds()
    if (is_whole) {
        find_containers()
        print "logins", logins()
        read_r()
        btime = booted()
        for (id in first) {
            pid = first[id]
            print "container", id, pid, \
                (id in rstudio) ? "rstudio" : (id in shiny) ? "shiny" : "-", \
                since_boot(started[pid]), container_seconds(pid), bytes_of(pid), \
                connections(pid), sessions[id] + 0, sprintf("%.2f", in_sessions[id] / 100), \
                viewers[id] + 0, (id in oldest) ? since_boot(oldest[id]) : "-"
        }
    }
    print "end"
}
