/* lab/bench/peers.c -- see peers.h.
 *
 * What has to stand before (servers, keys, a bitmap) is made outside of what is measured; what is
 * measured ends when the tool says that it is done.  None of them is durable then unless it says so
 * by itself. */
#include "lab/bench/peers.h"
#include <glib/gstdio.h>
#include <libnbd.h>
#include <string.h>
#include <unistd.h>
#include "core/base/error.h"
#include "core/base/units.h"
#include "lab/bench/image.h"
#include "lab/bench/qmp.h"
#include "lab/bench/room.h"
#include "lab/link/certificate.h"
#include "lab/machine/disk.h"

#define NBD_PORT 10809
#define NBD_PORT_TEXT "10809"
#define SSH_PORT 2222
#define SSH_PORT_TEXT "2222"
#define RUN_US (20 * TS_MIN)
#define SERVE_US (20 * TS_S)

/* --- servers ---------------------------------------------------------------------------------- */

static pid_t
serve (const TsBenchStage *stage, const char *const *argv, guint16 port, GError **error)
{
  pid_t pid = ts_bench_start (argv, stage->log, error);
  if (pid > 0 && !ts_bench_wait_port (port, SERVE_US, error)) {
    g_prefix_error (error, "%s (see %s): ", argv[0], stage->log);
    ts_bench_kill (pid);
    return -1;
  }
  return pid;
}

static pid_t
serve_nbdkit (const TsBenchStage *stage, GError **error)
{
  g_autofree char *tls = g_strconcat ("--tls-certificates=", stage->tls, NULL);
  const char *argv[] = {"nbdkit",   "--foreground", "--port",        NBD_PORT_TEXT,
                        "--ipaddr", "127.0.0.1",    "--tls=require", "--tls-verify-peer",
                        tls,        "file",         stage->target,   NULL};
  return serve (stage, argv, NBD_PORT, error);
}

static pid_t
serve_qemu_nbd (const TsBenchStage *stage, GError **error)
{
  g_autofree char *tls =
      g_strconcat ("tls-creds-x509,id=tls,endpoint=server,verify-peer=on,dir=", stage->tls, NULL);
  const char *argv[] = {"qemu-nbd",
                        "--persistent",
                        "--shared=16",
                        "--object",
                        tls,
                        "--tls-creds",
                        "tls",
                        "--bind=127.0.0.1",
                        "--port=" NBD_PORT_TEXT,
                        "--format=raw",
                        "--discard=unmap",
                        stage->target,
                        NULL};
  return serve (stage, argv, NBD_PORT, error);
}

static pid_t
serve_ssh (const TsBenchStage *stage, GError **error)
{
  g_autofree char *config = g_build_filename (stage->folder, "sshd_config", NULL);
  g_autofree char *key = g_build_filename (stage->folder, "key", NULL);
  g_autofree char *listed = g_build_filename (stage->folder, "key.pub", NULL);
  g_autofree char *program = g_find_program_in_path ("sshd");
  if (!program && g_file_test ("/usr/sbin/sshd", G_FILE_TEST_IS_EXECUTABLE))
    program = g_strdup ("/usr/sbin/sshd"); /* it wants its whole path */
  if (!program) {
    ts_throw (error, TS_ERROR_UNAVAILABLE, "sshd is not installed");
    return -1;
  }
  if (!g_file_test (key, G_FILE_TEST_EXISTS)) {
    const char *make[] = {"ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key, NULL};
    if (!ts_bench_run (make, stage->log, SERVE_US, error))
      return -1;
  }
  g_autofree char *text = g_strdup_printf (
      "Port " SSH_PORT_TEXT "\nListenAddress 127.0.0.1\nHostKey %s\nAuthorizedKeysFile %s\n"
      "StrictModes no\nUsePAM no\nPasswordAuthentication no\nPermitRootLogin yes\nPidFile none\n",
      key, listed);
  g_autoptr (GError) reason = NULL;
  if (!g_file_set_contents (config, text, -1, &reason)) {
    ts_throw (error, TS_ERROR_IO, "%s", reason->message);
    return -1;
  }
  g_mkdir_with_parents ("/run/sshd", 0755);
  const char *argv[] = {program, "-D", "-e", "-f", config, NULL};
  return serve (stage, argv, SSH_PORT, error);
}

static char *
ssh_command (const TsBenchStage *stage)
{
  return g_strdup_printf ("ssh -p " SSH_PORT_TEXT
                          " -i %s/key -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null"
                          " -o LogLevel=ERROR -o IdentitiesOnly=yes",
                          stage->folder);
}

/* Runs argv beside a server, which was started before and ends after; only argv is measured, but
 * all that runs counts. */
static gboolean
measured (const TsBenchStage *stage, pid_t server, const char *const *argv, TsBenchCost *cost,
          GError **error)
{
  if (server < 0)
    return FALSE;
  TsBenchCost from = ts_bench_start_clock ();
  gboolean fine = ts_bench_run (argv, stage->log, RUN_US, error);
  *cost = ts_bench_since (&from);
  ts_bench_kill (server);
  return fine;
}

/* --- copiers ---------------------------------------------------------------------------------- */

static gboolean
nbdcopy_to (const TsBenchStage *stage, pid_t server, TsBenchCost *cost, GError **error)
{
  g_autofree char *uri =
      g_strdup_printf ("nbds://localhost:" NBD_PORT_TEXT "/?tls-certificates=%s", stage->tls);
  const char *argv[] = {"nbdcopy", "--flush", stage->source, uri, NULL};
  return measured (stage, server, argv, cost, error);
}

static gboolean
nbdcopy_to_nbdkit (const TsBenchStage *stage, TsBenchCost *cost, GError **error)
{
  return nbdcopy_to (stage, serve_nbdkit (stage, error), cost, error);
}

static gboolean
nbdcopy_to_qemu (const TsBenchStage *stage, TsBenchCost *cost, GError **error)
{
  return nbdcopy_to (stage, serve_qemu_nbd (stage, error), cost, error);
}

static gboolean
qemu_img (const TsBenchStage *stage, TsBenchCost *cost, GError **error)
{
  g_autofree char *tls =
      g_strconcat ("tls-creds-x509,id=tls,endpoint=client,verify-peer=on,dir=", stage->tls, NULL);
  const char *argv[] = {"qemu-img",
                        "convert",
                        "-n",
                        "-W",
                        "-m",
                        "8",
                        "--object",
                        tls,
                        "-f",
                        "raw",
                        "--target-image-opts",
                        stage->source,
                        "driver=nbd,host=localhost,port=" NBD_PORT_TEXT ",tls-creds=tls",
                        NULL};
  return measured (stage, serve_qemu_nbd (stage, error), argv, cost, error);
}

static gboolean
rsync_whole (const TsBenchStage *stage, TsBenchCost *cost, GError **error)
{
  g_autofree char *ssh = ssh_command (stage);
  g_autofree char *to = g_strconcat ("localhost:", stage->target, NULL);
  const char *argv[] = {
      "rsync", "--inplace", "--whole-file", "--ignore-times", "-e", ssh, stage->source, to, NULL};
  return measured (stage, serve_ssh (stage, error), argv, cost, error);
}

/* --- QEMU's own backup job -------------------------------------------------------------------- */

typedef struct nbd_handle NbdHandle;
G_DEFINE_AUTOPTR_CLEANUP_FUNC (NbdHandle, nbd_close)

/* Lays the changes on the daemon's disk, as a guest would. */
static gboolean
write_changes (const TsBenchStage *stage, const char *socket, GError **error)
{
  g_autoptr (TsDisk) source = ts_lab_disk_open (stage->source, FALSE, error);
  g_autoptr (NbdHandle) nbd = nbd_create ();
  g_autofree guint8 *piece = g_malloc (TS_MIB);
  if (!source)
    return FALSE;
  if (nbd_set_export_name (nbd, "disk") < 0 || nbd_connect_unix (nbd, socket) < 0)
    return ts_throw (error, TS_ERROR_LOST, "the storage daemon's export: %s", nbd_get_error ());
  TsExtent next;
  for (guint64 at = 0; ts_extents_next (stage->changes, at, TS_MIB, &next);
       at = next.offset_bytes + next.len_bytes) {
    if (!source->ops->read (source, next.offset_bytes, piece, next.len_bytes, error))
      return FALSE;
    if (nbd_pwrite (nbd, piece, next.len_bytes, next.offset_bytes, 0) < 0)
      return ts_throw (error, TS_ERROR_IO, "the storage daemon: %s", nbd_get_error ());
  }
  return TRUE;
}

static gboolean
push (const TsBenchStage *stage, const char *qmp_path, const char *disk_path, gboolean full,
      TsBenchCost *cost, GError **error)
{
  g_autoptr (TsBenchQmp) qmp = ts_bench_qmp_open (qmp_path, SERVE_US, error);
  if (!qmp)
    return FALSE;
  if (!full && (!ts_bench_qmp_do (qmp,
                                  "{\"execute\":\"block-dirty-bitmap-add\",\"arguments\":"
                                  "{\"node\":\"disk\",\"name\":\"changes\"}}",
                                  error) ||
                !write_changes (stage, disk_path, error)))
    return FALSE;
  g_autofree char *job = g_strdup_printf (
      "{\"execute\":\"blockdev-backup\",\"arguments\":{\"job-id\":\"job\",\"device\":\"disk\","
      "\"target\":\"target\",\"sync\":\"%s\"%s}}",
      full ? "full" : "incremental", full ? "" : ",\"bitmap\":\"changes\"");
  TsBenchCost from = ts_bench_start_clock ();
  gboolean fine = ts_bench_qmp_do (qmp,
                                   "{\"execute\":\"blockdev-add\",\"arguments\":{\"driver\":"
                                   "\"nbd\",\"node-name\":\"target\",\"server\":{\"type\":\"inet\","
                                   "\"host\":\"localhost\",\"port\":\"" NBD_PORT_TEXT "\"},"
                                   "\"tls-creds\":\"tls\"}}",
                                   error) &&
                  ts_bench_qmp_do (qmp, job, error) && ts_bench_qmp_job_end (qmp, RUN_US, error);
  *cost = ts_bench_since (&from);
  return fine;
}

/* A storage daemon stands for the machine's QEMU; its disk is a qcow2 of the usual kind. */
static gboolean
backup_job (const TsBenchStage *stage, gboolean full, TsBenchCost *cost, GError **error)
{
  g_autofree char *image = g_build_filename (stage->folder, "daemon.qcow2", NULL);
  g_autofree char *qmp = g_build_filename (stage->folder, "qmp", NULL);
  g_autofree char *disk = g_build_filename (stage->folder, "disk", NULL);
  g_autofree char *tls =
      g_strconcat ("tls-creds-x509,id=tls,endpoint=client,verify-peer=on,dir=", stage->tls, NULL);
  g_autofree char *file = g_strconcat ("driver=file,node-name=file,filename=", image, NULL);
  g_autofree char *chardev = g_strdup_printf ("socket,id=qmp,path=%s,server=on,wait=off", qmp);
  g_autofree char *server = g_strdup_printf ("addr.type=unix,addr.path=%s", disk);
  const char *make[] = {"qemu-img", "convert",     "-f",  "raw", "-O",
                        "qcow2",    stage->before, image, NULL};
  const char *argv[] = {"qemu-storage-daemon",
                        "--object",
                        tls,
                        "--blockdev",
                        file,
                        "--blockdev",
                        "driver=qcow2,node-name=disk,file=file",
                        "--chardev",
                        chardev,
                        "--monitor",
                        "chardev=qmp",
                        "--nbd-server",
                        server,
                        "--export",
                        "type=nbd,id=disk,node-name=disk,writable=on",
                        NULL};
  g_unlink (qmp);
  g_unlink (disk);
  if (!ts_bench_run (make, stage->log, RUN_US, error))
    return FALSE;
  pid_t target = serve_qemu_nbd (stage, error);
  pid_t daemon = target < 0 ? -1 : ts_bench_start (argv, stage->log, error);
  gboolean fine = daemon > 0 && push (stage, qmp, disk, full, cost, error);
  ts_bench_kill (daemon);
  ts_bench_kill (target);
  g_unlink (image);
  return fine;
}

static gboolean
backup_full (const TsBenchStage *stage, TsBenchCost *cost, GError **error)
{
  return backup_job (stage, TRUE, cost, error);
}

static gboolean
backup_incremental (const TsBenchStage *stage, TsBenchCost *cost, GError **error)
{
  return backup_job (stage, FALSE, cost, error);
}

/* --- updaters --------------------------------------------------------------------------------- */

static gboolean
rsync_inplace (const TsBenchStage *stage, TsBenchCost *cost, GError **error)
{
  g_autofree char *ssh = ssh_command (stage);
  g_autofree char *to = g_strconcat ("localhost:", stage->target, NULL);
  const char *argv[] = {"rsync",          "--inplace", "--no-whole-file",
                        "--ignore-times", "-e",        ssh,
                        stage->source,    to,          NULL};
  return measured (stage, serve_ssh (stage, error), argv, cost, error);
}

/* Signature there, delta here, patch there; in place of the old file at last. */
static gboolean
rdiff (const TsBenchStage *stage, TsBenchCost *cost, GError **error)
{
  g_autofree char *ssh = ssh_command (stage);
  g_autofree char *script =
      g_strdup_printf ("set -e; %s localhost 'rdiff -b 65536 signature %s -' > %s/signature; "
                       "rdiff delta %s/signature %s - | "
                       "%s localhost 'rdiff patch %s - %s.new && mv %s.new %s'; rm %s/signature",
                       ssh, stage->target, stage->folder, stage->folder, stage->source, ssh,
                       stage->target, stage->target, stage->target, stage->target, stage->folder);
  const char *argv[] = {"bash", "-o", "pipefail", "-c", script, NULL};
  return measured (stage, serve_ssh (stage, error), argv, cost, error);
}

/* --- the tables ------------------------------------------------------------------------------- */

const TsBenchPeer ts_bench_copiers[] = {
    {"nbdcopy to nbdkit", "nbdkit libnbd-bin", {"nbdcopy", "nbdkit"}, nbdcopy_to_nbdkit, FALSE},
    {"nbdcopy to qemu-nbd",
     "libnbd-bin qemu-utils",
     {"nbdcopy", "qemu-nbd"},
     nbdcopy_to_qemu,
     FALSE},
    {"qemu-img convert", "qemu-utils", {"qemu-img", "qemu-nbd"}, qemu_img, FALSE},
    {"QEMU backup job",
     "qemu-utils",
     {"qemu-storage-daemon", "qemu-img", "qemu-nbd"},
     backup_full,
     FALSE},
    {"rsync over ssh", "rsync openssh-server", {"rsync", "ssh", "ssh-keygen"}, rsync_whole, FALSE},
    {NULL, NULL, {NULL}, NULL, FALSE},
};

const TsBenchPeer ts_bench_updaters[] = {
    {"QEMU incremental job",
     "qemu-utils",
     {"qemu-storage-daemon", "qemu-img", "qemu-nbd"},
     backup_incremental,
     TRUE},
    {"rsync --inplace",
     "rsync openssh-server",
     {"rsync", "ssh", "ssh-keygen"},
     rsync_inplace,
     FALSE},
    {"rdiff over ssh", "rdiff openssh-server", {"rdiff", "ssh", "ssh-keygen"}, rdiff, FALSE},
    {NULL, NULL, {NULL}, NULL, FALSE},
};

gboolean
ts_bench_peer_is_there (const TsBenchPeer *peer, GError **error)
{
  for (guint i = 0; peer->programs[i]; i++) {
    g_autofree char *path = g_find_program_in_path (peer->programs[i]);
    if (!path)
      return ts_throw (error, TS_ERROR_UNAVAILABLE, "%s is not installed (apt-get install %s)",
                       peer->programs[i], peer->package);
  }
  return TRUE;
}

/* --- the stage -------------------------------------------------------------------------------- */

gboolean
ts_bench_stage_make (TsBenchStage *stage, GError **error)
{
  static const char *const side[] = {"localhost", "client"};
  static const char *const name[] = {"server", "client"};
  stage->tls = g_build_filename (stage->folder, "tls", NULL);
  stage->log = g_build_filename (stage->folder, "peers.log", NULL);
  g_autofree char *authority = g_build_filename (stage->tls, "ca.pem", NULL);
  g_autofree char *authority_as = g_build_filename (stage->tls, "ca-cert.pem", NULL);
  if (g_mkdir_with_parents (stage->tls, 0700) < 0)
    return ts_throw_errno (error, "make %s", stage->tls);
  if (!ts_lab_certificate_authority (stage->tls, error))
    return FALSE;
  gboolean fine = g_rename (authority, authority_as) == 0;
  if (!fine || link (authority_as, authority) < 0)
    return ts_throw_errno (error, "name %s", authority_as);
  for (guint i = 0; i < G_N_ELEMENTS (side); i++) {
    g_autofree char *cert = g_strdup_printf ("%s/%s.pem", stage->tls, side[i]);
    g_autofree char *cert_as = g_strdup_printf ("%s/%s-cert.pem", stage->tls, name[i]);
    g_autofree char *key = g_strdup_printf ("%s/%s.key", stage->tls, side[i]);
    g_autofree char *key_as = g_strdup_printf ("%s/%s-key.pem", stage->tls, name[i]);
    if (!ts_lab_certificate_issue (stage->tls, side[i], error))
      return FALSE;
    if (g_rename (cert, cert_as) < 0 || g_rename (key, key_as) < 0)
      return ts_throw_errno (error, "name %s", cert_as);
  }
  return TRUE;
}

void
ts_bench_stage_clear (TsBenchStage *stage)
{
  g_free (stage->folder);
  g_free (stage->tls);
  g_free (stage->log);
}
