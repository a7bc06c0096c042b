/* base.h - the version, identifiers and memory. The conventions are in <dialogs.h>. */
#ifndef DLG_BASE_H
#define DLG_BASE_H

#include <stddef.h>
#include <stdint.h>

#ifdef SWIG
#define DLG_API
#elif !defined(DLG_API)
#define DLG_API __attribute__((visibility("default")))
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Version -------------------------------------------------------------------------------- */

#define DLG_VERSION_MAJOR 0
#define DLG_VERSION_MINOR 1
#define DLG_VERSION_PATCH 0
#define DLG_VERSION_NUMBER (DLG_VERSION_MAJOR * 10000 + DLG_VERSION_MINOR * 100 + DLG_VERSION_PATCH)

/* The version of the library that runs, "0.1.0"; static. */
DLG_API const char *dlg_version(void);

/* The same as a number, as DLG_VERSION_NUMBER is. */
DLG_API int dlg_version_number(void);

/*
 * Whether this build has a feature: "embedded" (conninfo embedded:DIR), "buffered-sync" (built
 * against libpq >= 17). Returns 1 or 0; 0 for a name it does not know.
 */
DLG_API int dlg_has_feature(const char *name);

/* ---- Identifiers ---------------------------------------------------------------------------- */

/* "terminated by NUL", for every length parameter that follows a text. */
#define DLG_NTS ((size_t)-1)

/* A UUID as 16 bytes in network order (RFC 9562). All zero is "nil" and names nobody. */
typedef struct dlg_uuid {
    uint8_t bytes[16];
} dlg_uuid;

#define DLG_UUID_TEXT_SIZE 37 /* 36 characters and the NUL */

/* Reads the 36-character form, either case. DLG_E_ARGUMENT for anything else. */
DLG_API int dlg_uuid_parse(const char *text, size_t length, dlg_uuid *uuid);

/* Writes the 36-character lower-case form into `text`, at least DLG_UUID_TEXT_SIZE bytes. */
DLG_API void dlg_uuid_format(const dlg_uuid *uuid, char *text);

/* A random (version 4) UUID from libsodium's generator. */
DLG_API void dlg_uuid_random(dlg_uuid *uuid);

/* <0, 0, >0 as memcmp does. */
DLG_API int dlg_uuid_compare(const dlg_uuid *a, const dlg_uuid *b);

/* ---- Memory --------------------------------------------------------------------------------- */

/* Frees what a `char **` parameter received; NULL is fine. */
DLG_API void dlg_free(void *memory);

#ifdef __cplusplus
}
#endif

#endif
