// Canonical text (docs/formats/direction.md) as a tree. Strict: what is not in the canonical form is an error that
// names the line; order and presence of keys are checked by Shape.
#pragma once

#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/status.h"
#include "base/time.h"

namespace smki::simulation {

class Text {
 public:
  static StatusOr<Text> Read(std::string_view text);

  // The keys of this mapping are exactly these, in this order; "?key" may be absent.
  Status Shape(std::initializer_list<const char*> keys) const;
  // The value of a key, which may be a path ("ledger.head"). An empty scalar if there is none: what it is read as then
  // fails.
  const Text& operator[](std::string_view path) const;
  bool Has(std::string_view key) const;
  const std::vector<Text>& items() const { return items_; }

  // Scalars. An error of any of them is noted in `fault`, the first one wins.
  std::string Name(std::string& fault) const;
  std::string Quoted(std::string& fault) const;
  uint64_t Number(std::string& fault) const;
  bool Flag(std::string& fault) const;
  UtcTime Time(std::string& fault) const;
  Millis Duration(std::string& fault) const;
  smki::Digest Digest(std::string& fault) const;
  Bytes Octets(std::string& fault) const;
  std::vector<std::string> Names(std::string& fault) const;
  // The same text again, to compare parts of two documents.
  std::string Flat() const;

 private:
  friend class TextParser;
  std::string scalar_;
  std::vector<std::pair<std::string, Text>> fields_;
  std::vector<Text> items_;
  int line_ = 0;
};

}  // namespace smki::simulation
