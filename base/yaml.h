// Strict YAML for every reviewed file and site file. One document; block or flow mappings, sequences and
// scalars; no alias, anchor, tag, merge, duplicate key, control or bidirectional character. Every error
// names file, line and column, and what was expected.
//
//   SMKI_ASSIGN_OR_RETURN(const YamlNode root, ParseYaml(text, "site.yaml"));
//   SMKI_RETURN_IF_ERROR(root.CheckKeys({"listen", "tls"}, {"comment"}));
//   SMKI_ASSIGN_OR_RETURN(const std::string listen, root.Text("listen"));
#pragma once

#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/eui64.h"
#include "base/status.h"
#include "base/time.h"

namespace smki {

class YamlNode {
 public:
  enum class Kind { kScalar, kSequence, kMapping };

  Kind kind() const { return kind_; }
  // A scalar's text; plain and quoted scalars are the same text (nothing is read as octal or boolean unless asked
  // for by the accessor). A value that is left out, and a plain null or ~, is the empty text.
  const std::string& scalar() const { return scalar_; }
  const std::vector<YamlNode>& items() const { return items_; }
  const std::vector<std::pair<std::string, YamlNode>>& entries() const { return entries_; }
  int line() const { return line_; }      // from 1
  int column() const { return column_; }  // from 1

  // kInvalidArgument "FILE:LINE:COLUMN: message".
  Status Wrong(const std::string& message) const;

  // This is a mapping, has every required key, and no key beyond required and optional.
  Status CheckKeys(std::initializer_list<std::string_view> required,
                   std::initializer_list<std::string_view> optional = {}) const;
  // Null if absent (or if this is no mapping).
  const YamlNode* Find(std::string_view key) const;

  // Each expects the key to be there and of the kind its name says.
  StatusOr<const YamlNode*> Mapping(std::string_view key) const;
  StatusOr<const YamlNode*> Sequence(std::string_view key) const;
  StatusOr<std::string> Text(std::string_view key) const;                             // not empty
  StatusOr<uint64_t> Number(std::string_view key, uint64_t min, uint64_t max) const;  // decimal, no leading zero
  StatusOr<bool> Boolean(std::string_view key) const;                                 // true | false
  StatusOr<UtcTime> Time(std::string_view key) const;                                 // RFC 3339, Z
  StatusOr<Millis> Duration(std::string_view key) const;                              // ISO 8601
  StatusOr<Digest> Sha256(std::string_view key) const;                                // 64 hex digits
  StatusOr<Eui64> Eui(std::string_view key) const;
  StatusOr<Bytes> Base64(std::string_view key) const;
  StatusOr<std::vector<std::string>> TextList(std::string_view key) const;
  // The same for this node itself.
  StatusOr<std::string> AsText() const;

 private:
  friend class YamlBuilder;
  Kind kind_ = Kind::kScalar;
  std::string scalar_;
  std::vector<YamlNode> items_;
  std::vector<std::pair<std::string, YamlNode>> entries_;
  int line_ = 0;
  int column_ = 0;
  std::shared_ptr<const std::string> file_;
};

struct YamlLimits {
  size_t octets = 1 << 20;
  int depth = 16;
  size_t nodes = 100000;
};

// `file` is only for messages.
StatusOr<YamlNode> ParseYaml(std::string_view text, const std::string& file, const YamlLimits& limits = {});

}  // namespace smki
