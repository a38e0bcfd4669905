// Canonical text: how every signed document is written. It is YAML that any reader can open, but a document is
// valid only if it equals, octet for octet, the rendering of its content: printable ASCII, two-space indent,
// fixed key order, no comment, one trailing newline.
//
// A document describes itself once, in a Fields(Archive&) function; CanonicalWriter renders it, and
// CanonicalReader reads exactly that rendering, line by line, without a YAML parser (the signer has none).
//
//   template <typename A> void Fields(A& a, Withdrawal& w) {
//     a.Header("Withdrawal");            // apiVersion: smki.recovery/v1, kind: Withdrawal
//     a.Field("direction", w.direction);
//     a.Field("reason", w.reason);
//   }
//
// Field types: std::string (identifier: [A-Za-z0-9._:/+=-]{1,128}), Quoted (text: printable ASCII without '"' and '\',
// at most 4000, written in double quotes, may be empty), uint64_t, bool, UtcTime (seconds), Digest, Eui64, Base64
// (Bytes). a.Optional("key", std::optional<T>&) ; a.Group("key", [&]{ nested fields }) ; a.List("key", std::vector<T>&,
// [](A&, T&){ fields }) for a list of mappings ("- first: ..."), a.Values("key", std::vector<T>&) for a list of
// scalars; empty lists are "key: []".
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/eui64.h"
#include "base/status.h"
#include "base/time.h"

namespace smki::procedures {

inline constexpr size_t kMaxDocument = 64 * 1024;  // Directions and other signed documents, octets
inline constexpr size_t kMaxPolicy = 1024 * 1024;  // the trust policy

struct Quoted {
  std::string text;
  friend bool operator==(const Quoted&, const Quoted&) = default;
};
struct Base64 {
  Bytes bytes;
  friend bool operator==(const Base64&, const Base64&) = default;
};

// [A-Za-z0-9._:/+=-]{1,128}, beginning with a letter or digit and not ending with ':'.
bool IsIdentifier(std::string_view text);
// What a person typed, as a Quoted can hold it: '"' and '\' become "'" and '/', anything else that is not printable
// ASCII a space; cut at 4000.
Quoted CleanText(std::string_view text);

class CanonicalWriter;
class CanonicalReader;  // both defined in canonical_archive.h, included only by the .cc of a document

}  // namespace smki::procedures
