/* lab/link/address.c -- see address.h. */
#include "lab/link/address.h"
#include "core/base/error.h"
#include <netdb.h>
#include <string.h>
#include <sys/un.h>

gboolean
ts_lab_address_parse (const char *text, guint16 port, TsLabAddress *address, GError **error)
{
  if (g_str_has_prefix (text, TS_LAB_UNIX)) {
    struct sockaddr_un *at = (struct sockaddr_un *)&address->storage;
    *address = (TsLabAddress){.len_bytes = sizeof *at};
    at->sun_family = AF_UNIX;
    if (g_strlcpy (at->sun_path, text + strlen (TS_LAB_UNIX), sizeof at->sun_path) >= sizeof at->sun_path)
      return ts_throw (error, TS_ERROR_ARGUMENT, "\"%s\" is too long for a socket", text);
    return TRUE;
  }
  struct addrinfo hints = {.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV, .ai_socktype = SOCK_STREAM};
  struct addrinfo *found = NULL;
  char service[8];
  g_snprintf (service, sizeof service, "%u", port);
  int code = getaddrinfo (text, service, &hints, &found);
  if (code != 0)
    return ts_throw (error, TS_ERROR_ARGUMENT, "\"%s\" is not a numeric address: %s", text,
                     gai_strerror (code));
  *address = (TsLabAddress){.len_bytes = found->ai_addrlen};
  memcpy (&address->storage, found->ai_addr, found->ai_addrlen);
  freeaddrinfo (found);
  return TRUE;
}

char *
ts_lab_address_format (const TsLabAddress *address)
{
  char host[64], service[8];
  if (address->storage.ss_family == AF_UNIX)
    return g_strdup ("unix socket");
  if (getnameinfo ((const struct sockaddr *)&address->storage, address->len_bytes, host,
                   sizeof host, service, sizeof service, NI_NUMERICHOST | NI_NUMERICSERV) != 0)
    return g_strdup ("unknown address");
  return g_strdup_printf (strchr (host, ':') ? "[%s]:%s" : "%s:%s", host, service);
}
