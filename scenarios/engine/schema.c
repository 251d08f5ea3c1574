#include "scenarios/engine/schema.h"
#include <string.h>
#include "core/base/units.h"
#include "scenarios/engine/predicate.h"
#include "scenarios/engine/value.h"

#define DO(verb) (G_GUINT64_CONSTANT (1) << TS_DO_##verb)
#define WAIT(kind) (G_GUINT64_CONSTANT (1) << TS_WAIT_##kind)

#define DO_VM                                                                                      \
  (DO (PROTECT) | DO (START_INITIAL) | DO (CANCEL_INITIAL) | DO (IMPORT) | DO (FAILOVER) | DO (COMMIT) | DO (CANCEL_FAILOVER) | DO (TEST_FAILOVER) |        \
   DO (STOP_TEST_FAILOVER) | DO (REVERSE) | DO (CHANGE_POINT) | DO (REMOVE) | DO (POWER_ON) | DO (POWER_OFF) | DO (PAUSE) | \
   DO (RESUME) | DO (RESET_STATISTICS) | DO (RESYNC) | DO (CANCEL_RESYNC) | DO (WORKLOAD_START) |   \
   DO (MOVE) | DO (CONTINUE) | DO (RESIZE_DISK) | DO (REPLICATE_DISKS) | DO (ATTACH_DISK) |                                     \
   DO (WORKLOAD_STOP) | DO (COMPARE) | DO (BACKUP) | DO (END_BACKUP))
#define DO_HOST                                                                                    \
  (DO (DISK_FULL) | DO (DISK_FREE) | DO (HOST_CRASH) | DO (HOST_UP) | DO (HOST_REBOOT))
/* of a machine, or of a recovery plan */
#define DO_PLAN                                                                                    \
  (DO (FAILOVER) | DO (COMMIT) | DO (CANCEL_FAILOVER) | DO (TEST_FAILOVER) |                       \
   DO (STOP_TEST_FAILOVER) | DO (REVERSE))
#define DO_DISKS (DO (EDIT_DISK) | DO (KEEP_DISKS) | DO (RESTORE_DISKS))
#define WAIT_VM (((G_GUINT64_CONSTANT (1) << TS_WAIT_COUNT) - 1) & ~WAIT (STEP))

#define STATES                                                                                     \
  "disabled|ready|initial|replicating|prepared|recovered|committed|suspended|error|"               \
  "resync-required|resynchronizing|resync-suspended|disk-update|disk-update-critical"

static const TsSchemaRow rows[] = {
    /* section, key, type, of, required, fallback, min, max, when, help */
    {"", "scenario", TS_VALUE_INTEGER, NULL, TRUE, NULL, 1, TS_SCENARIO_VERSION, 0,
     "version of this language: 1"},
    {"", "name", TS_VALUE_NAME, NULL, TRUE, NULL, 0, 0, 0,
     "short name; the run's folder is called by it"},
    {"", "title", TS_VALUE_TEXT, NULL, FALSE, "", 0, 0, 0, "one sentence for people"},
    {"", "tags", TS_VALUE_NAMES, NULL, FALSE, "", 0, 0, 0, "words to choose scenarios by"},
    {"", "engines", TS_VALUE_CHOICES, "sim|lab", FALSE, "sim,lab", 0, 0, 0,
     "engines that it is meant for; on another one it is skipped"},
    {"", "ledger", TS_VALUE_SWITCH, NULL, FALSE, "on", 0, 0, 0,
     "off: guests' writes are counted, not kept, so no loss can be judged; for long planning runs"},
    {"", "seed", TS_VALUE_INTEGER, NULL, FALSE, "1", 0, G_MAXINT64, 0,
     "all chance comes from it: same seed, same run"},
    {"", "clock", TS_VALUE_CLOCK, NULL, FALSE, "00:00", 0, 0, 0,
     "the time of day at which the run begins; with time_scale the day passes so much faster"},
    {"", "limits", TS_VALUE_MAP, "limits", FALSE, "", 0, 0, 0, "how long things may take"},
    {"", "sites", TS_VALUE_NAMED, "site", TRUE, NULL, 1, 8, 0, "places that can go dark"},
    {"", "hosts", TS_VALUE_NAMED, "host", TRUE, NULL, 1, 64, 0, "Hyper-V hosts"},
    {"", "vms", TS_VALUE_NAMED, "vm", TRUE, NULL, 1, 256, 0, "virtual machines"},
    {"", "workloads", TS_VALUE_NAMED, "workload", FALSE, "", 0, 256, 0, "who writes in them"},
    {"", "links", TS_VALUE_NAMED, "link", FALSE, "", 0, 28, 0, "networks between sites"},
    {"", "policies", TS_VALUE_NAMED, "policy", FALSE, "", 0, 64, 0, "replication policies"},
    {"", "vault", TS_VALUE_MAP, "vault", FALSE, NULL, 0, 0, 0,
     "a Recovery Services vault: operations go through it, as jobs"},
    {"", "vmms", TS_VALUE_NAMED, "vmm", FALSE, "", 0, 8, 0, "with vault: VMM servers"},
    {"", "clouds", TS_VALUE_NAMED, "cloud", FALSE, "", 0, 32, 0, "with vault: clouds of hosts"},
    {"", "networks", TS_VALUE_NAMED, "network", FALSE, "", 0, 64, 0, "with vault: VM networks"},
    {"", "storages", TS_VALUE_NAMED, "storage", FALSE, "", 0, 64, 0,
     "with vault: storage classifications"},
    {"", "plans", TS_VALUE_NAMED, "plan", FALSE, "", 0, 32, 0, "with vault: recovery plans"},
    {"", "scripts", TS_VALUE_NAMED, "script", FALSE, "", 0, 64, 0,
     "with vault: the script library of the VMM servers"},
    {"", "lab", TS_VALUE_MAP, "lab", FALSE, "", 0, 0, 0, "only for runs on real machines"},
    {"", "sim", TS_VALUE_MAP, "sim", FALSE, "", 0, 0, 0,
     "how long things take in the simulator; `twinsite lab calibrate` measures it"},
    {"", "steps", TS_VALUE_LIST, "step", TRUE, NULL, 1, 500, 0, "what happens, in order"},
    {"", "expect", TS_VALUE_LIST, "expect", FALSE, "", 0, 500, 0, "what must be true of the run"},
    {"", "published", TS_VALUE_LIST, "published", FALSE, "", 0, 100, 0,
     "figures that others have published of such a test: shown beside ours, judged nowhere"},
    {"", "must_fail", TS_VALUE_EXPECT_IDS, NULL, FALSE, "", 0, 0, 0,
     "expectations that must not hold: the scenario passes when exactly these fail"},
    {"", "allow", TS_VALUE_INVARIANTS, NULL, FALSE, "", 0, 0, 0,
     "invariants that may be broken in this scenario"},

    {"limits", "run", TS_VALUE_DURATION, NULL, FALSE, "30m", TS_S, 30 * 24 * TS_HOUR, 0,
     "the whole run; then it has failed.  Not divided by time_scale"},
    {"limits", "settle", TS_VALUE_DURATION_OR_NONE, NULL, FALSE, "2m", TS_S, 24 * TS_HOUR, 0,
     "after the last step and with all faults healed, every protected VM must be replicating, "
     "healthy and byte-identical within this time; none: do not ask.  Not divided by time_scale"},

    {"host", "site", TS_VALUE_REFERENCE, "sites", TRUE, NULL, 0, 0, 0, "where it stands"},
    {"host", "libvirt", TS_VALUE_TEXT, NULL, FALSE, NULL, 0, 0, 0,
     "its machines run under the libvirtd at this URI, such as qemu+ssh://root@there/system?no_tty=1, "
     "not under one of the lab's own; needs store.  Only in the lab"},
    {"host", "store", TS_VALUE_TEXT, NULL, FALSE, NULL, 0, 0, 0,
     "with libvirt: a folder that this libvirtd and the lab both see, under the same path, for all "
     "files and sockets of its machines"},

    {"host", "authorize", TS_VALUE_LIST, "entry", FALSE, NULL, 0, 64, 0,
     "who may replicate to it (authorization entries); without it every host of the scenario, an "
     "empty list: nobody"},

    /* core/relation/settings.c: the same ranges, the same defaults */
    {"host", "max_transfers", TS_VALUE_INTEGER, NULL, FALSE, "3", 1, 1024, 0,
     "so many of its VMs send logs at once, the others wait in order (MaximumActiveTransfers)"},
    {"host", "apply_disks", TS_VALUE_INTEGER, NULL, FALSE, "4", 0, 260, 0,
     "so many disks of a replica are applied in parallel; 0: 4 (ApplyVHDLimit)"},
    {"host", "apply_vms", TS_VALUE_INTEGER, NULL, FALSE, "0", 0, 100000, 0,
     "so many VMs of one primary server are applied in parallel; 0: all (ApplyVMLimit)"},
    {"host", "apply_queue_depth", TS_VALUE_INTEGER, NULL, FALSE, "0", 0, 66560, 0,
     "so many writes of a replica's applies are out at once; 0: no limit "
     "(ApplyChangeReplicaDiskThrottle)"},
    {"host", "check_revocation", TS_VALUE_SWITCH, NULL, FALSE, "on", 0, 0, 0,
     "off: a peer's revoked certificate is as good as any (DisableCertRevocationCheck)"},
    {"host", "stop_suspends", TS_VALUE_SWITCH, NULL, FALSE, "on", 0, 0, 0,
     "a host that is shut down in the middle of a transfer leaves replication suspended, as Windows "
     "Server 2012 R2 does; off: it goes on by itself, as from 2016 on"},
    {"host", "monitoring_interval", TS_VALUE_DURATION, NULL, FALSE, "12h", TS_HOUR, 168 * TS_HOUR, 0,
     "statistics are told and begin anew so often: 1h, 2h, 3h, 4h, 6h, 8h, 12h, or 24h to 168h in "
     "days"},
    {"host", "monitoring_start", TS_VALUE_CLOCK, NULL, FALSE, "09:00", 0, 0, 0,
     "a time of day at which such an interval begins"},
    {"host", "memory", TS_VALUE_SIZE, NULL, FALSE, NULL, 32 * TS_MIB, 64 * 1024 * TS_GIB, 0,
     "with vault: what it has for machines; 256 GiB unless said"},
    {"host", "storage", TS_VALUE_SIZE, NULL, FALSE, NULL, TS_MIB, 1024 * 1024 * TS_GIB, 0,
     "likewise for their disks; 100 TiB unless said"},

    {"vault", "site", TS_VALUE_REFERENCE, "sites", TRUE, NULL, 0, 0, 0,
     "where it stands; links join its site with those of the VMM servers"},

    {"vmm", "site", TS_VALUE_REFERENCE, "sites", TRUE, NULL, 0, 0, 0, "where it stands"},
    {"vmm", "clock_ahead", TS_VALUE_DURATION, NULL, FALSE, NULL, 0, 24 * TS_HOUR, 0,
     "its site's clocks are wrong by so much"},
    {"vmm", "clock_behind", TS_VALUE_DURATION, NULL, FALSE, NULL, 0, 24 * TS_HOUR, 0, "likewise"},
    {"vmm", "key", TS_VALUE_CHOICE, "good|foreign|expired", FALSE, "good", 0, 0, 0,
     "the registration key that it was given"},
    {"vmm", "claims", TS_VALUE_NAME, NULL, FALSE, NULL, 0, 0, 0,
     "registers under this name, perhaps another server's; its own unless said"},

    {"cloud", "vmm", TS_VALUE_REFERENCE, "vmms", TRUE, NULL, 0, 0, 0, "who manages it"},
    {"cloud", "hosts", TS_VALUE_NAMES, NULL, TRUE, NULL, 1, 64, 0, "hosts of that server's site"},
    {"cloud", "to", TS_VALUE_REFERENCE, "clouds", FALSE, NULL, 0, 0, 0,
     "the cloud with which it is paired, as the source"},
    {"cloud", "policy", TS_VALUE_REFERENCE, "policies", FALSE, NULL, 0, 0, 0,
     "with to: how its machines are replicated"},

    {"network", "vmm", TS_VALUE_REFERENCE, "vmms", TRUE, NULL, 0, 0, 0, "who manages it"},
    {"network", "to", TS_VALUE_REFERENCE, "networks", FALSE, NULL, 0, 0, 0,
     "network of another server, to which replicas connect"},
    {"network", "logical", TS_VALUE_NAME, NULL, FALSE, NULL, 0, 0, 0,
     "the logical network of which it is part; test networks can be made like it"},
    {"network", "pool", TS_VALUE_TEXT, NULL, FALSE, NULL, 0, 0, 0,
     "its pool of static addresses, such as 10.0.0.10-10.0.0.99, from which replicas get theirs"},

    {"storage", "vmm", TS_VALUE_REFERENCE, "vmms", TRUE, NULL, 0, 0, 0, "who manages it"},
    {"storage", "to", TS_VALUE_REFERENCE, "storages", FALSE, NULL, 0, 0, 0,
     "classification of another server, on which replicas lie"},

    {"script", "takes", TS_VALUE_DURATION, NULL, FALSE, "1s", 0, TS_HOUR, 0,
     "simulator: how long it runs"},
    {"script", "complains", TS_VALUE_TEXT, NULL, FALSE, NULL, 0, 0, 0,
     "simulator: what it writes to its standard error; then it has failed"},
    {"script", "fails", TS_VALUE_INTEGER, NULL, FALSE, "0", 0, 1000, 0,
     "simulator: with complains, only so many times; 0: each time"},
    {"script", "hangs", TS_VALUE_SWITCH, NULL, FALSE, "off", 0, 0, 0,
     "simulator: it does not end by itself"},
    {"script", "missing", TS_VALUE_SWITCH, NULL, FALSE, "off", 0, 0, 0, "it is not in the library"},
    {"script", "file", TS_VALUE_TEXT, NULL, FALSE, NULL, 0, 0, 0,
     "lab: the executable.  Beside this file, or a full path"},

    {"plan", "from", TS_VALUE_REFERENCE, "vmms", TRUE, NULL, 0, 0, 0, "source VMM server"},
    {"plan", "to", TS_VALUE_REFERENCE, "vmms", TRUE, NULL, 0, 0, 0, "target VMM server"},
    {"plan", "shutdown", TS_VALUE_MAP, "phase", FALSE, NULL, 0, 0, 0,
     "actions around shutting all machines down"},
    {"plan", "failover", TS_VALUE_MAP, "phase", FALSE, NULL, 0, 0, 0,
     "actions around failing all machines over"},
    {"plan", "groups", TS_VALUE_LIST, "group", TRUE, NULL, 1, 7, 0, "what is started, in order"},
    {"phase", "before", TS_VALUE_LIST, "action", FALSE, NULL, 0, 16, 0, "actions before it"},
    {"phase", "after", TS_VALUE_LIST, "action", FALSE, NULL, 0, 16, 0, "actions after it"},
    {"group", "vms", TS_VALUE_NAMES, NULL, TRUE, NULL, 1, 100, 0, "machines, started together"},
    {"group", "before", TS_VALUE_LIST, "action", FALSE, NULL, 0, 16, 0, "actions before it"},
    {"group", "after", TS_VALUE_LIST, "action", FALSE, NULL, 0, 16, 0, "actions after it"},
    {"action", "name", TS_VALUE_TEXT, NULL, TRUE, NULL, 0, 0, 0, "what it is called in the job"},
    {"action", "script", TS_VALUE_REFERENCE, "scripts", FALSE, NULL, 0, 0, 0, "runs this"},
    {"action", "manual", TS_VALUE_TEXT, NULL, FALSE, NULL, 0, 0, 0,
     "people do this; the plan waits until they confirm it"},
    {"action", "on", TS_VALUE_CHOICE, "primary|recovery", FALSE, "recovery", 0, 0, 0,
     "with script: on which VMM server"},
    {"action", "limit", TS_VALUE_DURATION, NULL, FALSE, NULL, TS_S, 10 * TS_MIN, 0,
     "with script: it is killed then; 10 minutes unless said"},
    {"action", "failovers", TS_VALUE_CHOICES, "planned|unplanned|test", FALSE,
     "planned,unplanned,test", 0, 0, 0, "in which of them"},
    {"action", "directions", TS_VALUE_CHOICES, "away|home", FALSE, "away,home", 0, 0, 0,
     "from source to target, or back"},

    {"host", "log_store", TS_VALUE_SIZE, NULL, FALSE, "0", 0, 1024 * TS_GIB, 0,
     "size of the file system on which it keeps logs; 0: large enough.  The lab makes a small one for "
     "it, which disk_full needs there"},

    {"entry", "server", TS_VALUE_TEXT, NULL, TRUE, NULL, 0, 0, 0,
     "a host's name; '*' may stand in the first of several labels (\"*.paris.example\")"},
    {"entry", "storage", TS_VALUE_NAME, NULL, FALSE, NULL, 0, 0, 0,
     "name of a place of its own for replicas that it creates"},
    {"entry", "trust_group", TS_VALUE_NAME, NULL, FALSE, "DEFAULT", 0, 0, 0,
     "servers of one group may go on with each other's replicas"},

    {"vm", "host", TS_VALUE_REFERENCE, "hosts", TRUE, NULL, 0, 0, 0, "where it runs first"},
    {"vm", "tracking", TS_VALUE_CHOICE, "bitmap|log", FALSE, "bitmap", 0, 0, 0,
     "how it is known what it has written: bitmap, the blocks that have changed, as QEMU; log, each "
     "write as it happens, as Hyper-V.  log only in the simulator"},
    {"vm", "count", TS_VALUE_INTEGER, NULL, FALSE, "1", 1, 20000, 0,
     "so many machines, all alike: NAME-1, NAME-2, ...; a workload or step of NAME is one for each"},
    {"vm", "memory", TS_VALUE_SIZE, NULL, FALSE, "128MiB", 32 * TS_MIB, 1024 * TS_GIB, 0,
     "memory of the machine"},
    {"vm", "network", TS_VALUE_REFERENCE, "networks", FALSE, NULL, 0, 0, 0,
     "with vault: to which network it is connected first"},
    {"vm", "address", TS_VALUE_TEXT, NULL, FALSE, NULL, 0, 0, 0,
     "with network: its static IPv4 address there; by DHCP unless said"},
    {"vm", "storage", TS_VALUE_REFERENCE, "storages", FALSE, NULL, 0, 0, 0,
     "with vault: on which classification it lies"},
    {"vm", "freeze", TS_VALUE_CHOICE, "works|fails|hangs", FALSE, "works", 0, 0, 0,
     "what its guest does when it is asked to freeze for an application-consistent point"},
    {"vm", "extends", TS_VALUE_REFERENCE, "vms", FALSE, NULL, 0, 0, 0,
     "no machine of its own: the extended relation of that one, from its replica on host to a third host; "
     "protect begins it, failover takes the third copy"},
    {"vm", "disks", TS_VALUE_NAMED, "disk", TRUE, NULL, 1, 16, 0, "its disks, the first boots"},

    {"vm", "image", TS_VALUE_TEXT, NULL, FALSE, NULL, 0, 0, 0,
     "a machine of your own: disk image (raw or qcow2) that its first disk begins as; it is copied, "
     "never written.  Beside this file, or a full path.  Only in the lab"},
    {"vm", "kernel", TS_VALUE_TEXT, NULL, FALSE, NULL, 0, 0, 0,
     "with image: a kernel to boot; without it the image boots by its firmware"},
    {"vm", "initrd", TS_VALUE_TEXT, NULL, FALSE, NULL, 0, 0, 0, "with kernel"},
    {"vm", "cmdline", TS_VALUE_TEXT, NULL, FALSE, NULL, 0, 0, 0, "with kernel: its command line"},
    {"vm", "copy_cmdline", TS_VALUE_TEXT, NULL, FALSE, NULL, 0, 0, 0,
     "with kernel: another command line for a copy"},
    {"vm", "firmware", TS_VALUE_CHOICE, "bios|uefi", FALSE, NULL, 0, 0, 0,
     "with image: by what it boots, bios unless said; uefi: variables of its own on each host, as "
     "they come new"},
    {"vm", "agent", TS_VALUE_SWITCH, NULL, FALSE, NULL, 0, 0, 0,
     "with image: QEMU's guest agent (qemu-ga) runs in it, and freezes its file systems for "
     "application-consistent points; off unless said, or the probe is it"},
    {"vm", "nic", TS_VALUE_MAP, "nic", FALSE, NULL, 0, 0, 0, "with image: its network card"},
    {"vm", "probe", TS_VALUE_MAP, "probe", FALSE, NULL, 0, 0, 0,
     "with image: how it is seen that its service answers"},

    {"nic", "model", TS_VALUE_CHOICE, "virtio|e1000", FALSE, "virtio", 0, 0, 0, "which card"},
    {"nic", "address", TS_VALUE_TEXT, NULL, TRUE, NULL, 0, 0, 0,
     "the machine's own, with the length of its network, such as 10.20.0.10/24: given by DHCP to a "
     "machine that asks, or what it is set to itself"},
    {"nic", "gateway", TS_VALUE_TEXT, NULL, FALSE, NULL, 0, 0, 0,
     "its site's address in that network; the network's first unless said"},
    {"nic", "copy_address", TS_VALUE_TEXT, NULL, FALSE, NULL, 0, 0, 0,
     "another address of that network, for the machine at another host than its first"},
    {"nic", "copy", TS_VALUE_CHOICE, "connected|disconnected", FALSE, "connected", 0, 0, 0,
     "whether the cable of a copy that has taken over is plugged in"},
    {"nic", "test", TS_VALUE_CHOICE, "isolated|disconnected", FALSE, "disconnected", 0, 0, 0,
     "of a test failover's machine: isolated: in a network of its own, like the real one"},

    {"probe", "kind", TS_VALUE_CHOICE, "console|tcp|agent", FALSE, "console", 0, 0, 0,
     "console: what it writes to its first serial port; tcp: whether a port of its takes "
     "connections; agent: whether QEMU's guest agent answers"},
    {"probe", "ready", TS_VALUE_TEXT, NULL, FALSE, NULL, 0, 0, 0,
     "console: regular expression; a line of it says that the service is up"},
    {"probe", "every", TS_VALUE_DURATION, NULL, FALSE, NULL, TS_S, TS_HOUR, 0,
     "console: it says so at least this often, or it is down; without this it is down when its "
     "machine is"},
    {"probe", "port", TS_VALUE_INTEGER, NULL, FALSE, NULL, 1, 65535, 0, "tcp: the port; needs nic"},
    {"probe", "acked", TS_VALUE_TEXT, NULL, FALSE, NULL, 0, 0, 0,
     "regular expression with a group: the number of the last record that is acknowledged"},
    {"probe", "survived", TS_VALUE_TEXT, NULL, FALSE, NULL, 0, 0, 0,
     "regular expression with a group: the number of the last record found after a start"},

    {"disk", "size", TS_VALUE_SIZE, NULL, TRUE, NULL, TS_MIB, 64 * 1024 * TS_GIB, 0,
     "a multiple of 4 KiB"},
    {"disk", "fill", TS_VALUE_SIZE, NULL, FALSE, "0", 0, 64 * 1024 * TS_GIB, 0,
     "so much at its start is full of known data before the run; workloads write behind it"},
    {"disk", "replicated", TS_VALUE_SWITCH, NULL, FALSE, "on", 0, 0, 0,
     "off: it is left out when the machine is protected; a copy gets an empty disk in its place"},
    {"disk", "attached", TS_VALUE_SWITCH, NULL, FALSE, "on", 0, 0, 0,
     "off: it comes with a step attach_disk, and is not replicated until a step replicate_disks names it; "
     "only behind all others"},

    {"workload", "vm", TS_VALUE_REFERENCE, "vms", TRUE, NULL, 0, 0, 0, "which machine writes"},
    {"workload", "disks", TS_VALUE_DISKS, NULL, TRUE, NULL, 1, 16, 0,
     "disks of it, written in turn"},
    {"workload", "kind", TS_VALUE_CHOICE, "append|random|hot", FALSE, "random", 0, 0, 0,
     "append: one record behind the other; random: anywhere; hot: half of all writes go to 1/16"},
    {"workload", "record", TS_VALUE_SIZE, NULL, FALSE, "4KiB", 4 * TS_KIB, TS_MIB, 0,
     "bytes of one write, a multiple of 4 KiB"},
    {"workload", "rate", TS_VALUE_FREQUENCY, NULL, TRUE, NULL, 0, 0, 0, "writes per time"},
    {"workload", "region", TS_VALUE_SIZE, NULL, FALSE, "0", 0, 64 * 1024 * TS_GIB, 0,
     "it writes only to so much behind the fill; 0: to all of it.  Only in the simulator"},
    {"workload", "flush_every", TS_VALUE_INTEGER, NULL, FALSE, "8", 0, 1000000, 0,
     "a flush after so many writes; 0: never"},

    {"link", "between", TS_VALUE_PAIR, "sites", TRUE, NULL, 0, 0, 0, "the two sites it joins"},
    {"link", "rate", TS_VALUE_RATE, NULL, FALSE, "0", 0, 0, 0, "each way; 0: no limit"},
    {"link", "delay", TS_VALUE_DURATION, NULL, FALSE, "0", 0, 10 * TS_S, 0, "one way"},
    {"link", "jitter", TS_VALUE_DURATION, NULL, FALSE, "0", 0, 10 * TS_S, 0,
     "added to the delay, evenly between nothing and this"},
    {"link", "loss", TS_VALUE_SHARE, NULL, FALSE, "0", 0, 0, 0, "of all packets"},
    {"link", "queue", TS_VALUE_SIZE, NULL, FALSE, "256KiB", 1500, TS_GIB, 0,
     "bytes that may wait for the line; what comes then is dropped"},

    {"policy", "frequency", TS_VALUE_INTERVAL, NULL, FALSE, "5min", 0, 0, 0,
     "a replication cycle begins every so often"},
    {"policy", "authentication", TS_VALUE_CHOICE, "certificate|kerberos", FALSE, "certificate", 0,
     0, 0, "how the hosts prove who they are"},
    {"policy", "compression", TS_VALUE_SWITCH, NULL, FALSE, "on", 0, 0, 0, "of what is sent"},
    {"policy", "auto_resync", TS_VALUE_CHOICE, "manual|scheduled|immediate", FALSE, "manual", 0, 0, 0,
     "whether a resynchronization that became necessary begins by itself: never, inside a window of "
     "the day, at once"},
    {"policy", "resync_from", TS_VALUE_CLOCK, NULL, FALSE, "18:30", 0, 0, 0,
     "scheduled: when the window opens"},
    {"policy", "resync_until", TS_VALUE_CLOCK, NULL, FALSE, "06:00", 0, 0, 0,
     "scheduled: when it closes; it may lie across midnight"},

    {"policy", "recovery_points", TS_VALUE_INTEGER, NULL, FALSE, "0", 0, TS_POINTS_MAX, 0,
     "how many older recovery points are kept beside the latest, one an hour"},
    {"policy", "app_consistent", TS_VALUE_DURATION, NULL, FALSE, "0", 0, 12 * TS_HOUR, 0,
     "so often the guest is frozen for a cycle, 1h to 12h; in hours less than recovery_points; 0: "
     "never"},

    {"policy", "initial", TS_VALUE_CHOICE, "network|export|seeded", FALSE, "network", 0, 0, 0,
     "how the first copy comes to the replica: over the network; on a medium that is imported there; "
     "there is one already, and what differs is sent"},
    {"policy", "initial_at", TS_VALUE_CLOCK, NULL, FALSE, NULL, 0, 0, 0,
     "network, seeded: the time of day at which initial replication begins; without it at once"},

    {"lab", "time_scale", TS_VALUE_INTEGER, NULL, FALSE, "1", 1, 360, 0,
     "divides policy intervals, the hours between recovery points, and the steps' by, at and ages "
     "of points, for a quicker run on real machines"},

/* core/seam/profile.c: the same names, the same defaults */
#define TIME(name, fallback, help)                                                                 \
  {                                                                                                \
    "sim", name, TS_VALUE_DURATION, NULL, FALSE, fallback, 1, TS_HOUR, 0, help                     \
  }
    TIME ("boot", "3.2s", "power on to the guest's first word"),
    TIME ("shutdown", "600ms", "a machine asked to shut down, until it is off"),
    TIME ("define", "300ms", "defining and starting a machine"),
    TIME ("probe", "2ms", "a probe's question to its answer"),
    TIME ("write", "400us", "one write of a guest"),
    TIME ("flush", "3ms", "one flush of a guest"),
    TIME ("track", "150ms", "beginning to track changes"),
    TIME ("cut", "150ms", "a cut, beside reading its data"),
    TIME ("store", "50us", "one piece of a log, to the page cache"),
    TIME ("sync", "10ms", "making a set durable"),
    TIME ("apply", "10ms", "applying a set, beside its data"),
    TIME ("branch", "60ms", "overlays on a replica's disks"),
    TIME ("merge", "300ms", "overlays into the disks, beside their data"),
#undef TIME
    {"sim", "disk", TS_VALUE_SIZE, NULL, FALSE, "400MiB", TS_MIB, 1024 * TS_GIB, 0,
     "bytes a second of reading and writing in bulk"},
    {"sim", "survey", TS_VALUE_SIZE, NULL, FALSE, "150MiB", TS_MIB, 1024 * TS_GIB, 0,
     "bytes a second of a guest reading its disks back"},
    {"sim", "read", TS_VALUE_SIZE, NULL, FALSE, "0", 0, 1024 * TS_GIB, 0,
     "a second: what a host reads for initial copies and comparisons, all its machines together; 0: a "
     "comparison reads as disk says, a copy's reading costs nothing"},
    {"sim", "handshake", TS_VALUE_DURATION, NULL, FALSE, "0", 0, TS_MIN, 0,
     "beside its packets: two hosts prove who they are"},
    {"sim", "link", TS_VALUE_SIZE, NULL, FALSE, "0", 0, 1024 * TS_GIB, 0,
     "a second: the most that two hosts get through any link; 0: no limit but the link's"},

    {"step", "id", TS_VALUE_NAME, NULL, TRUE, NULL, 0, 0, 0, "its name, unique"},
    {"step", "do", TS_VALUE_CHOICE, NULL, FALSE, NULL, 0, 0, 0, "an action"},
    {"step", "wait", TS_VALUE_MAP, "wait", FALSE, NULL, 0, 0, 0,
     "goes on when this holds; needs within"},
    {"step", "check", TS_VALUE_MAP, "wait", FALSE, NULL, 0, 0, 0, "fails when this does not hold"},
    {"step", "within", TS_VALUE_DURATION, NULL, FALSE, NULL, 1, 24 * TS_HOUR, 0,
     "how long it may take before the run has failed; required with wait.  Not divided by "
     "time_scale"},
    {"step", "after", TS_VALUE_MAP, "after", FALSE, NULL, 0, 0, 0,
     "begins so long after another step is done; without after and at it begins when the step "
     "before "
     "it is done"},
    {"step", "at", TS_VALUE_DURATION, NULL, FALSE, NULL, 0, 30 * 24 * TS_HOUR, 0,
     "begins so long after the run's start"},
    {"step", "expect_refused", TS_VALUE_SWITCH, NULL, FALSE, NULL, 0, 0, 0,
     "on: the product must refuse it, doing it would be the failure"},
    {"step", "expect_failed", TS_VALUE_SWITCH, NULL, FALSE, NULL, 0, 0, 0,
     "on: it is begun and must fail, such as a plan with a script that fails"},

    {"step", "vm", TS_VALUE_REFERENCE, "vms", TRUE, NULL, 0, 0, (DO_VM & ~DO_PLAN) | DO_DISKS | DO (CORRUPT_LOG),
     "whom it concerns"},
    {"step", "vm", TS_VALUE_REFERENCE, "vms", FALSE, NULL, 0, 0, DO_PLAN, "whom it concerns; or:"},
    {"step", "plan", TS_VALUE_REFERENCE, "plans", FALSE, NULL, 0, 0, DO_PLAN,
     "with vault: all machines of a recovery plan"},
    {"step", "plan", TS_VALUE_REFERENCE, "plans", TRUE, NULL, 0, 0, DO (CONFIRM), "whose job waits"},
    {"step", "vmm", TS_VALUE_REFERENCE, "vmms", TRUE, NULL, 0, 0, DO (VMM_DOWN) | DO (VMM_UP),
     "which VMM server"},
    {"step", "on", TS_VALUE_REFERENCE, "hosts", TRUE, NULL, 0, 0,
     DO_DISKS | DO (CORRUPT_LOG) | DO_HOST,
     "which host; where its disks are changed the machine must not run"},
    {"step", "what", TS_VALUE_CHOICE, "bytes|order", FALSE, "bytes", 0, 0, DO (CORRUPT_LOG),
     "bytes: a byte in its middle changes; order: it is valid, but says that it follows another log than the "
     "one before it: of logs that wait to be sent"},
    {"step", "bytes", TS_VALUE_SIZE, NULL, TRUE, NULL, 4 * TS_KIB, TS_GIB, DO (EDIT_DISK),
     "so many, a multiple of 4 KiB: one byte in each of so many blocks, all over the disks"},
    {"step", "disk", TS_VALUE_NAME, NULL, TRUE, NULL, 0, 0, DO (RESIZE_DISK) | DO (ATTACH_DISK),
     "which disk of the machine"},
    {"step", "size", TS_VALUE_SIZE, NULL, TRUE, NULL, TS_MIB, 64 * 1024 * TS_GIB, DO (RESIZE_DISK),
     "how large it is to be, a multiple of 4 KiB"},
    {"step", "disks", TS_VALUE_DISKS, NULL, TRUE, NULL, 1, 16, DO (REPLICATE_DISKS),
     "all disks that are to be replicated from now on"},
    {"step", "policy", TS_VALUE_REFERENCE, "policies", TRUE, NULL, 0, 0, DO (PROTECT),
     "how it is replicated"},
    {"step", "to", TS_VALUE_REFERENCE, "hosts", FALSE, NULL, 0, 0, DO (PROTECT),
     "the host that keeps the replica; with vault it is placed unless said"},
    {"step", "to", TS_VALUE_REFERENCE, "hosts", TRUE, NULL, 0, 0, DO (MOVE),
     "where it goes: a host of the site, with vault of the cloud, in which it or its replica is now"},
    {"step", "initial", TS_VALUE_CHOICE, "network|export|seeded", FALSE, NULL, 0, 0,
     DO (PROTECT) | DO (START_INITIAL), "how the first copy comes to the replica; else as the policy says"},
    {"step", "start_in", TS_VALUE_DURATION, NULL, FALSE, NULL, 0, TS_INITIAL_AHEAD_US_MAX,
     DO (PROTECT) | DO (START_INITIAL),
     "network, seeded: initial replication begins so much later, up to 7 days; else as the policy says"},
    {"step", "medium_of", TS_VALUE_REFERENCE, "vms", FALSE, NULL, 0, 0, DO (IMPORT),
     "whose medium is carried there; else its own"},
    {"step", "damaged", TS_VALUE_SWITCH, NULL, FALSE, "off", 0, 0, DO (IMPORT),
     "on: a byte of what it holds changes on the way; what was exported stays as it is, and can be carried again"},
    {"step", "kind", TS_VALUE_CHOICE, "planned|unplanned", TRUE, NULL, 0, 0, DO (FAILOVER),
     "planned: the source is shut down and its last log sent first"},
    {"step", "shut_down_first", TS_VALUE_SWITCH, NULL, FALSE, "off", 0, 0, DO (FAILOVER),
     "on, of one that is not planned: the source is shut down and its last log sent, if that can be; "
     "then it goes on all the same"},
    {"step", "side", TS_VALUE_CHOICE, "primary|replica|both", FALSE, NULL, 0, 0,
     DO (PAUSE) | DO (RESUME) | DO (REMOVE) | DO (RESIZE_DISK),
     "whom it is asked of; without it pause and resume the primary, remove and resize_disk both"},
    {"step", "side", TS_VALUE_CHOICE, "primary|replica", FALSE, NULL, 0, 0, DO (MOVE),
     "which of the two goes; without it the one that is in that host's site, of both the primary"},
    {"step", "host", TS_VALUE_REFERENCE, "hosts", FALSE, NULL, 0, 0, DO (POWER_ON),
     "where; without it where the machine lives now, after a failover that is the copy"},
    {"step", "point", TS_VALUE_POINT, NULL, FALSE, "latest", 0, 0,
     DO (FAILOVER) | DO (TEST_FAILOVER) | DO (CHANGE_POINT),
     "which recovery point: latest; latest-app-consistent; a number: 1 is the newest older one; or "
     "an age: the newest that is at least so old"},
    {"step", "link", TS_VALUE_REFERENCE, "links", TRUE, NULL, 0, 0, DO (LINK), "which link"},
    {"step", "mode", TS_VALUE_CHOICE, "up|blackhole|reset", TRUE, NULL, 0, 0, DO (LINK),
     "blackhole: packets vanish, peers learn by timeout; reset: connections are torn down, and new ones, "
     "too; up: works again"},
    {"step", "site", TS_VALUE_REFERENCE, "sites", TRUE, NULL, 0, 0, DO (SITE_DOWN) | DO (SITE_UP),
     "which site"},

    {"after", "step", TS_VALUE_REFERENCE, "steps", TRUE, NULL, 0, 0, 0, "the step to be done"},
    {"after", "by", TS_VALUE_DURATION, NULL, FALSE, "0", 0, 30 * 24 * TS_HOUR, 0,
     "how long after it"},

    {"wait", "state", TS_VALUE_CHOICE, STATES, TRUE, NULL, 0, 0, WAIT (STATE),
     "state of the replication"},
    {"wait", "health", TS_VALUE_CHOICE, "normal|warning|critical", TRUE, NULL, 0, 0, WAIT (HEALTH),
     "replication health"},
    {"wait", "cycles", TS_VALUE_INTEGER, NULL, TRUE, NULL, 1, 100000, WAIT (CYCLES),
     "so many more successful cycles"},
    {"wait", "missed", TS_VALUE_INTEGER, NULL, TRUE, NULL, 1, 100000, WAIT (MISSED),
     "so many more missed cycles"},
    {"wait", "points", TS_VALUE_INTEGER, NULL, TRUE, NULL, 1, 100000, WAIT (POINTS),
     "so many more recovery points"},
    {"wait", "kept", TS_VALUE_INTEGER, NULL, TRUE, NULL, 0, TS_POINTS_MAX, WAIT (KEPT),
     "at least so many older recovery points are kept; 0: none"},
    {"wait", "applied", TS_VALUE_INTEGER, NULL, TRUE, NULL, 1, 100000, WAIT (APPLIED),
     "so many of the log sets that are cut from now on are on the replica's disks"},
    {"wait", "copy", TS_VALUE_CHOICE, "scheduled|begun|exported|imported|done|cancelled|failed", TRUE,
     NULL, 0, 0, WAIT (COPY), "what initial replication has come to"},
    {"wait", "pending_below", TS_VALUE_SIZE, NULL, TRUE, NULL, 1, 0, WAIT (PENDING),
     "less than this waits to be acknowledged by the replica"},
    {"wait", "connection", TS_VALUE_CHOICE, "up|down", TRUE, NULL, 0, 0, WAIT (CONNECTION),
     "the primary's connection to its replica server"},
    {"wait", "power", TS_VALUE_CHOICE, "on|off", TRUE, NULL, 0, 0, WAIT (POWER), "of the machine"},
    {"wait", "probe", TS_VALUE_CHOICE, "up|down", TRUE, NULL, 0, 0, WAIT (PROBE),
     "the machine's service answers"},
    {"wait", "survey", TS_VALUE_CHOICE, "done", TRUE, NULL, 0, 0, WAIT (SURVEY),
     "a copy that took over has read its disks back into the ledger"},
    {"wait", "test", TS_VALUE_CHOICE, "off|started|serving|whole", TRUE, NULL, 0, 0, WAIT (TEST),
     "of a test failover: its machine is off, or has come this far; whole: it has read its disks "
     "back, and every record and all of the fill on them is whole"},
    {"wait", "step", TS_VALUE_REFERENCE, "steps", TRUE, NULL, 0, 0, WAIT (STEP),
     "another step is done"},
    {"wait", "settled", TS_VALUE_CHOICE, "yes", TRUE, NULL, 0, 0, WAIT (SETTLED),
     "replicating, health normal, and every log that was cut is on the replica's disks"},
    {"wait", "vm", TS_VALUE_REFERENCE, "vms", TRUE, NULL, 0, 0, WAIT_VM, "of which machine"},
    {"wait", "role", TS_VALUE_CHOICE, "primary|replica", FALSE, "primary", 0, 0,
     WAIT (STATE) | WAIT (HEALTH), "as which side tells it"},
    {"wait", "host", TS_VALUE_REFERENCE, "hosts", FALSE, NULL, 0, 0, WAIT (POWER) | WAIT (PROBE),
     "on which host; without it on any"},

    {"expect", "id", TS_VALUE_NAME, NULL, TRUE, NULL, 0, 0, 0, "its name, unique"},
    {"expect", "metric", TS_VALUE_TEXT, NULL, TRUE, NULL, 0, 0, 0,
     "what is measured: `twinsite explain --schema` lists them"},
    {"expect", "vm", TS_VALUE_REFERENCE, "vms", FALSE, NULL, 0, 0, 0,
     "of which machine; without it of each"},
    {"expect", "min", TS_VALUE_TEXT, NULL, FALSE, NULL, 0, 0, 0,
     "not below this: a quantity, a metric, or a sum of both (\"interval + transfer.max + "
     "500ms\")"},
    {"expect", "max", TS_VALUE_TEXT, NULL, FALSE, NULL, 0, 0, 0, "not above this, likewise"},
    {"expect", "equals", TS_VALUE_TEXT, NULL, FALSE, NULL, 0, 0, 0,
     "this, likewise; or a text, for a metric that is one"},
    {"expect", "within", TS_VALUE_TEXT, NULL, FALSE, NULL, 0, 0, 0, "with equals: how far off"},
    {"expect", "when", TS_VALUE_CHOICE, "always|end", FALSE, NULL, 0, 0, 0,
     "always (unless anything is said): over the whole run; end: at its last instant"},
    {"expect", "at", TS_VALUE_WINDOW, NULL, FALSE, NULL, 1, 1, 0,
     "at that instant: a step (its end; STEP.begun: its begin) or a time"},
    {"expect", "during", TS_VALUE_WINDOW, NULL, FALSE, NULL, 2, 2, 0,
     "from one instant to another: \"dark..healed\""},

    {"published", "what", TS_VALUE_TEXT, NULL, TRUE, NULL, 0, 0, 0, "what it is, for people"},
    {"published", "theirs", TS_VALUE_TEXT, NULL, TRUE, NULL, 0, 0, 0,
     "their figure, or from one to another: \"1h..1.5h\""},
    {"published", "metric", TS_VALUE_TEXT, NULL, FALSE, NULL, 0, 0, 0,
     "what of ours compares; without it nothing does, and theirs may be any text"},
    {"published", "per", TS_VALUE_TEXT, NULL, FALSE, NULL, 0, 0, 0,
     "another metric of the same unit: ours is the ratio of both, theirs a plain number"},
    {"published", "vm", TS_VALUE_REFERENCE, "vms", FALSE, NULL, 0, 0, 0,
     "of which machine; without it times of the worst, counts and bytes of all together"},
    {"published", "source", TS_VALUE_TEXT, NULL, TRUE, NULL, 0, 0, 0, "where it is published"},
    {"published", "why", TS_VALUE_TEXT, NULL, FALSE, NULL, 0, 0, 0, "why ours differs"},

    {"sweep", "sweep", TS_VALUE_INTEGER, NULL, TRUE, NULL, 1, TS_SWEEP_VERSION, 0,
     "version of this language: 1"},
    {"sweep", "name", TS_VALUE_NAME, NULL, TRUE, NULL, 0, 0, 0,
     "short name; the results' folder is called by it"},
    {"sweep", "title", TS_VALUE_TEXT, NULL, FALSE, "", 0, 0, 0, "one sentence for people"},
    {"sweep", "base", TS_VALUE_TEXT, NULL, TRUE, NULL, 0, 0, 0,
     "the scenario that is varied: a path, from this file's folder"},
    {"sweep", "set", TS_VALUE_TEXTS, NULL, FALSE, "", 0, 0, 0,
     "PATH=VALUE for all runs, as with run --set"},
    {"sweep", "axes", TS_VALUE_NAMED, "axis", TRUE, NULL, 1, 16, 0, "what is varied"},
    {"sweep", "draws", TS_VALUE_NAMED, "draw", FALSE, "", 0, 16, 0,
     "what chance decides, anew for each seed"},
    {"sweep", "seeds", TS_VALUE_INTEGER, NULL, FALSE, "1", 1, 100000, 0,
     "so many runs of each point, each with a seed of its own"},
    {"sweep", "first_seed", TS_VALUE_INTEGER, NULL, FALSE, "1", 0, G_MAXINT32, 0,
     "the first of the seeds"},
    {"sweep", "skip", TS_VALUE_FREE, "list of maps: axis to value, or to a list of values", FALSE,
     NULL, 0, 0, 0, "a point that has one of them whole is left out"},
    {"sweep", "pick", TS_VALUE_CHOICE, "all|pairwise|subset", FALSE, "all", 0, 0, 0,
     "all: every point; pairwise: few points that hold each two values of any two axes together; "
     "subset: so many points as chance gives"},
    {"sweep", "subset", TS_VALUE_INTEGER, NULL, FALSE, NULL, 1, 1000000, 0,
     "with pick: subset, how many points"},
    {"sweep", "cell_limit", TS_VALUE_DURATION, NULL, FALSE, "10m", TS_S, 24 * TS_HOUR, 0,
     "real time for one run; then it is given up"},
    {"sweep", "metrics", TS_VALUE_TEXTS, NULL, FALSE,
     "exposure.max,rpo.achieved,rto,loss.lost,cycles.missed", 0, 0, 0,
     "metrics that the tables show; every run keeps all of them"},
    {"sweep", "show", TS_VALUE_MAP, "show", FALSE, "", 0, 0, 0, "what the pictures show"},

    {"axis", "path", TS_VALUE_TEXT, NULL, TRUE, NULL, 0, 0, 0,
     "a value of the scenario, such as links.wan.rate"},
    {"axis", "values", TS_VALUE_TEXTS, NULL, TRUE, NULL, 0, 0, 0, "what it is set to, 64 at most"},
    {"axis", "label", TS_VALUE_TEXT, NULL, FALSE, "", 0, 0, 0, "what it is called in pictures"},

    {"draw", "path", TS_VALUE_TEXT, NULL, TRUE, NULL, 0, 0, 0,
     "a duration of the scenario, such as steps.disaster.after.by"},
    {"draw", "from", TS_VALUE_DURATION, NULL, TRUE, NULL, 0, 30 * 24 * TS_HOUR, 0,
     "the shortest that may be drawn"},
    {"draw", "to", TS_VALUE_DURATION, NULL, TRUE, NULL, 0, 30 * 24 * TS_HOUR, 0,
     "the longest; all between are equally likely"},

    {"show", "x", TS_VALUE_REFERENCE, "axes", FALSE, NULL, 0, 0, 0,
     "the axis to the right; else the first one"},
    {"show", "y", TS_VALUE_REFERENCE, "axes", FALSE, NULL, 0, 0, 0,
     "the axis upwards, a curve for each value; else the second one, if there is one"},
    {"show", "metric", TS_VALUE_TEXT, NULL, FALSE, "rpo.achieved", 0, 0, 0,
     "what heat map and curves show"},
    {"show", "max", TS_VALUE_TEXT, NULL, FALSE, NULL, 0, 0, 0,
     "the objective: not above this"},
    {"show", "loss", TS_VALUE_TEXT, NULL, FALSE, "loss.lost", 0, 0, 0,
     "the metric whose distribution is shown"},
};

const TsSchemaRow *
ts_schema_get (guint index)
{
  return index < G_N_ELEMENTS (rows) ? &rows[index] : NULL;
}

static gboolean
row_is_of (const TsSchemaRow *row, const char *section, guint64 when)
{
  return g_str_equal (row->section, section) && (row->when == 0 || (row->when & when) != 0);
}

const TsSchemaRow *
ts_schema_find (const char *section, const char *key, guint64 when)
{
  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    if (row_is_of (&rows[i], section, when) && g_str_equal (rows[i].key, key))
      return &rows[i];
  return NULL;
}

const char **
ts_schema_words (const char *section, guint64 when)
{
  const char **words = g_new0 (const char *, G_N_ELEMENTS (rows) + 1);
  guint count = 0;
  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    if (row_is_of (&rows[i], section, when))
      words[count++] = rows[i].key;
  return words;
}

char **
ts_schema_choices (const TsSchemaRow *row)
{
  if (row->of == NULL) { /* the verbs: named by core/seam/order.c */
    g_autofree const char **words = ts_verb_words ();
    return g_strdupv ((char **)words);
  }
  return g_strsplit (row->of, "|", -1);
}

/* ---- verbs ---- */

static const char *const verb_help[TS_DO_COUNT] = {
    [TS_DO_PROTECT] = "enable replication, then initial replication, now or later",
    [TS_DO_START_INITIAL] =
        "begin initial replication again after it was cancelled, or at another time than planned",
    [TS_DO_CANCEL_INITIAL] =
        "end initial replication, or its plan; an export that is finished cannot be ended so",
    [TS_DO_IMPORT] = "carry the exported medium to the replica's host, and import it there",
    [TS_DO_FAILOVER] = "start the copy at the other site from a recovery point",
    [TS_DO_COMMIT] = "make a failover final: its other recovery points go",
    [TS_DO_TEST_FAILOVER] =
        "start an isolated second machine from a recovery point; meanwhile applying waits",
    [TS_DO_STOP_TEST_FAILOVER] = "turn the test machine off and delete it; applying catches up",
    [TS_DO_CANCEL_FAILOVER] =
        "undo a failover that is not committed: the copy is turned off, what it wrote is discarded",
    [TS_DO_REVERSE] = "after a failover: the copy becomes the primary, the old source its replica; "
                      "what is not committed is committed first",
    [TS_DO_CHANGE_POINT] =
        "after a failover that is not committed: start the copy anew from another recovery point",
    [TS_DO_PAUSE] = "suspend replication; changes are still tracked, on the replica nothing is applied",
    [TS_DO_RESUME] = "go on after pause",
    [TS_DO_RESYNC] =
        "compare both sides' disks and send what differs; of a healthy VM only when it is paused",
    [TS_DO_CANCEL_RESYNC] = "end a resynchronization; the next one begins from the start",
    [TS_DO_REMOVE] = "end replication, on one side or both; disks and machine stay as they are",
    [TS_DO_POWER_ON] = "start a machine that is off; a source whose failover is prepared, and a replica, "
                       "refuse",
    [TS_DO_POWER_OFF] = "shut a machine down, on its primary; replication goes on",
    [TS_DO_MOVE] = "a machine, or its replica, goes to another host of its cloud, with its disks; replication goes "
                   "on.  The machine stands still meanwhile",
    [TS_DO_CONTINUE] = "after a committed failover to a replica that is extended: the copy becomes the primary of that "
                       "relation, which is compared anew",
    [TS_DO_RESIZE_DISK] = "make a disk larger or smaller, on one side or both (the replica first)",
    [TS_DO_REPLICATE_DISKS] = "change which disks are replicated; one that is new is copied while the others go on",
    [TS_DO_ATTACH_DISK] = "give a running machine one disk more",
    [TS_DO_RESET_STATISTICS] = "begin counting cycles anew, on both sides; health is judged anew",
    [TS_DO_WORKLOAD_START] = "the machine's workload writes",
    [TS_DO_WORKLOAD_STOP] = "the machine's workload rests",
    [TS_DO_COMPARE] = "compare source and replica disks block by block",
    [TS_DO_LINK] = "change what a link does",
    [TS_DO_SITE_UP] = "power is back: hosts start, with what they had made durable; a source starts its "
                      "machine when its replica has not failed over",
    [TS_DO_CONFIRM] = "confirm the manual action that a plan's job waits for",
    [TS_DO_VAULT_DOWN] = "the vault's process is killed",
    [TS_DO_VAULT_UP] = "the vault comes back, with what it had made durable",
    [TS_DO_VMM_DOWN] = "a VMM server's process is killed",
    [TS_DO_VMM_UP] = "a VMM server comes back, with what it had made durable",
    [TS_DO_EDIT_DISK] = "somebody writes to a machine's disks on a host, behind everybody's back",
    [TS_DO_KEEP_DISKS] = "a copy of a machine's disks on a host is put aside; the machine does not run there",
    [TS_DO_RESTORE_DISKS] = "that copy is put back, as a restored volume or an applied snapshot would, behind "
                            "everybody's back",
    [TS_DO_BACKUP] = "somebody backs up the replica: nothing is applied until it has ended; refused while "
                     "something is being applied",
    [TS_DO_END_BACKUP] = "the backup of the replica has ended; applying catches up",
    [TS_DO_CORRUPT_LOG] = "the newest of a machine's logs that wait on a host, to be sent or to be applied, is not "
                          "what it was: a byte changes, or what it follows",
    [TS_DO_DISK_FULL] = "the disk of a host on which it keeps logs and replicas has no room any more",
    [TS_DO_DISK_FREE] = "there is room on it again",
    [TS_DO_HOST_CRASH] = "a host and the machines on it lose power at once",
    [TS_DO_HOST_UP] = "a host that had lost power starts again",
    [TS_DO_HOST_REBOOT] = "a host is shut down, its machines first, and starts again",
    [TS_DO_SITE_DOWN] = "every host and machine of the site loses power at once",
};

gint
ts_verb_find (const char *name)
{
  for (gint verb = 0; verb < TS_DO_COUNT; verb++)
    if (g_str_equal (ts_verb_name ((TsVerb)verb), name))
      return verb;
  return -1;
}

const char **
ts_verb_words (void)
{
  const char **words = g_new0 (const char *, TS_DO_COUNT + 1);
  for (gint verb = 0; verb < TS_DO_COUNT; verb++)
    words[verb] = ts_verb_name ((TsVerb)verb);
  return words;
}

const char *
ts_verb_help (TsVerb verb)
{
  return verb_help[verb];
}

/* ---- for people ---- */

static const char *const type_help[] = {
    [TS_VALUE_TEXT] = "text",
    [TS_VALUE_NAME] = "name",
    [TS_VALUE_INTEGER] = "whole number",
    [TS_VALUE_DURATION] = "duration, such as 30s",
    [TS_VALUE_DURATION_OR_NONE] = "duration, such as 30s, or none",
    [TS_VALUE_SIZE] = "size, such as 64KiB",
    [TS_VALUE_RATE] = "rate, such as 50Mbit/s",
    [TS_VALUE_FREQUENCY] = "how often, such as 20/s",
    [TS_VALUE_SHARE] = "share, such as 0.1%",
    [TS_VALUE_CLOCK] = "time of day, such as 18:30",
    [TS_VALUE_INTERVAL] = "30s, 5min or 15min",
    [TS_VALUE_POINT] = "latest, latest-app-consistent, a number, or an age such as 2h",
    [TS_VALUE_SWITCH] = "on or off",
    [TS_VALUE_CHOICE] = "one of",
    [TS_VALUE_REFERENCE] = "name of one of",
    [TS_VALUE_WINDOW] = "instant: a step or a time",
    [TS_VALUE_CHOICES] = "list of",
    [TS_VALUE_NAMES] = "list of names",
    [TS_VALUE_EXPECT_IDS] = "list of ids in expect",
    [TS_VALUE_INVARIANTS] = "list of invariants",
    [TS_VALUE_PAIR] = "list of two of",
    [TS_VALUE_TEXTS] = "list of texts",
    [TS_VALUE_DISKS] = "list of the VM's disks",
    [TS_VALUE_MAP] = "map: see",
    [TS_VALUE_NAMED] = "named maps: see",
    [TS_VALUE_LIST] = "list of maps: see",
    [TS_VALUE_FREE] = "",
};

const char *
ts_value_type_help (TsValueType type)
{
  return type_help[type];
}

char *
ts_schema_type_text (const TsSchemaRow *row)
{
  if (row->type == TS_VALUE_CHOICE && row->of == NULL)
    return g_strdup ("one of the actions below");
  if (row->of == NULL || row->type == TS_VALUE_FREE)
    return g_strdup (row->of != NULL ? row->of : type_help[row->type]);
  g_auto (GStrv) words = g_strsplit (row->of, "|", -1);
  g_autofree char *of = g_strjoinv (", ", words);
  return g_strdup_printf ("%s %s", type_help[row->type], of);
}

char *
ts_schema_when_text (const TsSchemaRow *row)
{
  if (row->when == 0)
    return g_strdup ("");
  gboolean step = g_str_equal (row->section, "step");
  guint count = step ? TS_DO_COUNT : TS_WAIT_COUNT;
  g_autoptr (GPtrArray) names = g_ptr_array_new ();
  g_autoptr (GPtrArray) others = g_ptr_array_new ();
  for (guint i = 0; i < count; i++)
    g_ptr_array_add (
        (row->when >> i & 1) != 0 ? names : others,
        (gpointer)(step ? ts_verb_name ((TsVerb)i) : ts_predicate_name ((TsPredicateKind)i)));
  gboolean all_but = others->len < names->len;
  GPtrArray *shown = all_but ? others : names;
  /* the key that asks the question need not say so */
  if (names->len == 1 && g_str_equal (names->pdata[0], row->key))
    return g_strdup ("");
  g_ptr_array_add (shown, NULL);
  g_autofree char *list = g_strjoinv (", ", (char **)shown->pdata);
  return g_strdup_printf (" (%s %s%s)", step ? "do:" : "with", all_but ? "all but " : "", list);
}

char *
ts_schema_need_text (const TsSchemaRow *row)
{
  if (row->required)
    return g_strdup ("required");
  return row->fallback != NULL && row->fallback[0] != '\0'
             ? g_strdup_printf ("default %s", row->fallback)
             : g_strdup ("optional");
}

static void
format_section (GString *out, const char *section, gboolean markdown)
{
  const char *shown = section[0] == '\0'                 ? "the file"
                      : g_str_equal (section, "sweep") ? "a sweep's file"
                                                       : section;
  g_string_append_printf (
      out, markdown ? "\n### %s\n\n| key | value | |\n|---|---|---|\n" : "\n%s\n", shown);
  for (guint i = 0; i < G_N_ELEMENTS (rows); i++) {
    const TsSchemaRow *row = &rows[i];
    if (!g_str_equal (row->section, section))
      continue;
    g_autofree char *type = ts_schema_type_text (row);
    g_autofree char *when = ts_schema_when_text (row);
    g_autofree char *fallback = ts_schema_need_text (row);
    if (markdown)
      g_string_append_printf (out, "| `%s` | %s; %s%s | %s |\n", row->key, type, fallback, when,
                              row->help);
    else
      g_string_append_printf (out, "  %-16s %s; %s%s\n  %-16s   %s\n", row->key, type, fallback,
                              when, "", row->help);
  }
}

char *
ts_schema_format (gboolean markdown)
{
  GString *out = g_string_new (NULL);
  const char *last = NULL;
  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    if (last == NULL || !g_str_equal (last, rows[i].section)) {
      last = rows[i].section;
      format_section (out, last, markdown);
    }
  g_string_append (out, markdown ? "\n### actions\n\n| do | |\n|---|---|\n" : "\nactions\n");
  for (gint verb = 0; verb < TS_DO_COUNT; verb++)
    g_string_append_printf (out, markdown ? "| `%s` | %s |\n" : "  %-16s %s\n",
                            ts_verb_name ((TsVerb)verb), verb_help[verb]);
  return g_string_free (out, FALSE);
}
