/* core/base/ipv4.h -- IPv4 addresses as numbers, most significant byte first in the text. */
#pragma once
#include <glib.h>

#define TS_IPV4_TEXT_SIZE 16

/* "10.20.0.10", or with prefix (not NULL) "10.20.0.10/24", which must be there then, 8 to 30.
 * Strict: four decimal numbers without leading zeros.  TS_ERROR_ARGUMENT with what was expected. */
gboolean ts_ipv4_parse (const char *text, guint32 *address, guint *prefix, GError **error);
void ts_ipv4_format (guint32 address, char text[TS_IPV4_TEXT_SIZE]);
/* The bits that the addresses of one network have in common. */
guint32 ts_ipv4_mask (guint prefix);
/* May be a machine's there: of the network, and neither its first nor its last address. */
gboolean ts_ipv4_is_host (guint32 address, guint32 of_network, guint prefix);
