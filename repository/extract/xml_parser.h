// The XML of an extract file, read as a stream: libxml2 pushes, we count depth and size and refuse document types.
// Private to this room (and its fuzzer).
#pragma once

#include <array>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/bytes.h"
#include "base/status.h"
#include "repository/extract/extract.h"
#include "repository/extract/schema.h"

namespace smki::repository {

// One record as it stands in the file; nothing is checked but which elements there are, each once, of bounded size.
struct RawRecord {
  std::array<std::optional<std::string>, schema::kFields> fields;
  uint64_t number = 0;  // from 1
  uint64_t line = 0;    // where it begins
};

class ExtractParser {
 public:
  using Visitor = std::function<Status(RawRecord)>;

  // `name` is what the file's header must agree with.
  ExtractParser(ExtractName name, Visitor visit);
  ~ExtractParser();
  // Any pieces. The first fault ends the parsing and is returned again by every later call: "FILE:line N: ...".
  Status Feed(ByteSpan xml);
  // The document must be complete.
  Status Finish();
  uint64_t records() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace smki::repository
