/* lab/link/address.h -- where a socket is bound or connected to. */
#pragma once
#include <glib.h>
#include <sys/socket.h>

#define TS_LAB_UNIX "unix:"

typedef struct {
  struct sockaddr_storage storage;
  socklen_t len_bytes;
} TsLabAddress;

/* Numeric only: nothing here may wait for a name server.  "unix:PATH" is a socket in the file system,
 * which is reached from every network namespace; port is not looked at then. */
gboolean ts_lab_address_parse (const char *text, guint16 port, TsLabAddress *address,
                               GError **error);
char *ts_lab_address_format (const TsLabAddress *address); /* "10.1.0.2:8084", "[::1]:8084" */
