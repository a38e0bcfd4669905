// A message in words, for people and for `smkictl gbcs decode`.
#pragma once

#include <string>
#include <vector>

#include "gbcs/credentials.h"
#include "gbcs/message.h"

namespace smki::gbcs {

// One line of a decoded message: a GBCS field name, its value in words, where it lies, and its parts.
struct Described {
  std::string name;
  std::string value;
  size_t offset = 0;  // in the whole message, octets
  size_t size = 0;
  std::vector<Described> parts;
};

// The name of what could not be read, with the reason as its value.
inline constexpr char kNotUnderstood[] = "not understood";
// Decodes any CS02b or CS02a command, response or alert (with or without MAC): header, payload, signature. What
// is not understood is shown as hexadecimal with the reason; an error only if there is no Grouping Header at all.
StatusOr<Described> Describe(ByteSpan message);
// Indented text, one field a line, offset and size at the left; certificates as subject, EUI-64, key identifier and
// validity. With `colour` (a terminal) the numbers are dim.
std::string ToText(const Described& described, bool colour = false);

}  // namespace smki::gbcs
