#include "base/yaml.h"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <exception>
#include <sstream>

#include "base/text.h"

namespace smki {
namespace {

// Thrown only inside ParseYaml, to stop yaml-cpp's parser; never crosses it.
struct Stop {
  std::string message;
  int line;
  int column;
};

std::pair<int, int> LineAndColumn(std::string_view text, size_t at) {
  const auto before = text.substr(0, at);
  const auto line = 1 + static_cast<int>(std::count(before.begin(), before.end(), '\n'));
  const size_t start = before.rfind('\n') == std::string_view::npos ? 0 : before.rfind('\n') + 1;
  return {line, static_cast<int>(at - start) + 1};
}

}  // namespace

class YamlBuilder : public YAML::EventHandler {
 public:
  YamlBuilder(std::shared_ptr<const std::string> file, const YamlLimits& limits)
      : file_(std::move(file)), limits_(limits) {}

  void OnDocumentStart(const YAML::Mark& mark) override {
    if (++documents_ > 1) throw Stop{"a second document; a file holds exactly one", mark.line + 1, mark.column + 1};
  }
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override { OnScalar(mark, "", anchor, ""); }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override { Refuse(mark, "an alias ('*name')"); }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    YamlNode node = NewNode(mark, tag, anchor);
    // An escape in a quoted scalar can bring in what the text of the file may not hold.
    size_t at = 0;
    if (const char* bad = FindUnreadable(value, at)) Refuse(mark, bad);
    node.scalar_ = value;
    const bool key = !stack_.empty() && stack_.back().kind_ == YamlNode::Kind::kMapping && !HasKey();
    if (key) {
      if (tag == "!") Refuse(mark, "a quoted key");
      if (value.empty()) Refuse(mark, "a key without a name");
      if (value == "<<") Refuse(mark, "a merge key ('<<')");
      YamlNode& mapping = stack_.back();
      for (const auto& entry : mapping.entries_) {
        if (entry.first == value) Refuse(mark, "key '" + value + "' a second time");
      }
      keys_.back() = {value, true};
      return;
    }
    Place(std::move(node));
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    Start(mark, tag, anchor, YamlNode::Kind::kSequence);
  }
  void OnSequenceEnd() override { End(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    Start(mark, tag, anchor, YamlNode::Kind::kMapping);
  }
  void OnMapEnd() override { End(); }

  bool done() const { return done_; }
  YamlNode Take() { return std::move(root_); }

 private:
  struct Key {
    std::string name;
    bool set = false;
  };

  [[noreturn]] static void Refuse(const YAML::Mark& mark, const std::string& what) {
    throw Stop{what + " is not allowed here", mark.line + 1, mark.column + 1};
  }
  bool HasKey() const { return keys_.back().set; }

  YamlNode NewNode(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor) {
    if (anchor != 0) Refuse(mark, "an anchor ('&name')");
    if (!tag.empty() && tag != "!" && tag != "?") Refuse(mark, "tag '" + tag + "'");
    if (++nodes_ > limits_.nodes) Refuse(mark, "a file of this many values");
    YamlNode node;
    node.line_ = mark.line + 1;
    node.column_ = mark.column + 1;
    node.file_ = file_;
    return node;
  }
  void Start(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor, YamlNode::Kind kind) {
    YamlNode node = NewNode(mark, tag, anchor);
    if (static_cast<int>(stack_.size()) >= limits_.depth) Refuse(mark, "nesting this deep");
    if (!stack_.empty() && stack_.back().kind_ == YamlNode::Kind::kMapping && !HasKey())
      Refuse(mark, "a key that is no plain word");
    node.kind_ = kind;
    stack_.push_back(std::move(node));
    keys_.push_back({});
  }
  void End() {
    YamlNode node = std::move(stack_.back());
    stack_.pop_back();
    keys_.pop_back();
    Place(std::move(node));
  }
  void Place(YamlNode node) {
    if (stack_.empty()) {
      root_ = std::move(node);
      done_ = true;
    } else if (stack_.back().kind_ == YamlNode::Kind::kSequence) {
      stack_.back().items_.push_back(std::move(node));
    } else {
      stack_.back().entries_.emplace_back(std::move(keys_.back().name), std::move(node));
      keys_.back() = {};
    }
  }

  std::shared_ptr<const std::string> file_;
  YamlLimits limits_;
  std::vector<YamlNode> stack_;
  std::vector<Key> keys_;
  YamlNode root_;
  size_t nodes_ = 0;
  int documents_ = 0;
  bool done_ = false;
};

StatusOr<YamlNode> ParseYaml(std::string_view text, const std::string& file, const YamlLimits& limits) {
  if (text.size() > limits.octets) {
    return InvalidArgument("{}: {} octets; at most {} are allowed", file, text.size(), limits.octets);
  }
  size_t at = 0;
  if (const char* bad = FindUnreadable(text, at)) {
    const auto [line, column] = LineAndColumn(text, at);
    return InvalidArgument("{}:{}:{}: {} is not allowed here", file, line, column, bad);
  }
  YamlBuilder builder(std::make_shared<const std::string>(file), limits);
  try {
    // yaml-cpp takes an open quote as closed at a line feed that ends the file: add a comment that is never ended.
    const bool ends_line = !text.empty() && text.back() == '\n';
    std::istringstream stream(std::string(text) + (ends_line ? "#" : ""));
    YAML::Parser parser(stream);
    while (parser.HandleNextDocument(builder)) {
    }
  } catch (const Stop& stop) {
    return InvalidArgument("{}:{}:{}: {}", file, stop.line, stop.column, stop.message);
  } catch (const YAML::Exception& e) {
    return InvalidArgument("{}:{}:{}: {}", file, e.mark.line + 1, e.mark.column + 1, e.msg);
  } catch (const std::exception& e) {
    return InvalidArgument("{}: {}", file, e.what());
  }
  if (!builder.done()) return InvalidArgument("{}:1:1: the file is empty", file);
  return builder.Take();
}

Status YamlNode::Wrong(const std::string& message) const {
  return InvalidArgument("{}:{}:{}: {}", file_ ? *file_ : "(text)", line_, column_, message);
}

const YamlNode* YamlNode::Find(std::string_view key) const {
  for (const auto& [name, node] : entries_) {
    if (name == key) return &node;
  }
  return nullptr;
}

Status YamlNode::CheckKeys(std::initializer_list<std::string_view> required,
                           std::initializer_list<std::string_view> optional) const {
  if (kind_ != Kind::kMapping) return Wrong("expected a mapping (key: value)");
  const auto known = [](std::initializer_list<std::string_view> list, std::string_view name) {
    return std::find(list.begin(), list.end(), name) != list.end();
  };
  for (const auto& [name, node] : entries_) {
    if (known(required, name) || known(optional, name)) continue;
    std::string expected;
    for (const auto list : {required, optional}) {
      for (const auto k : list) expected += (expected.empty() ? "" : ", ") + std::string(k);
    }
    return node.Wrong(fmt::format("unknown key '{}'; known here: {}", name, expected));
  }
  for (const auto name : required) {
    if (Find(name) == nullptr) return Wrong(fmt::format("key '{}' is missing", name));
  }
  return OkStatus();
}

namespace {
Status Missing(const YamlNode& node, std::string_view key) {
  return node.Wrong(fmt::format("key '{}' is missing", key));
}
}  // namespace

StatusOr<const YamlNode*> YamlNode::Mapping(std::string_view key) const {
  const YamlNode* node = Find(key);
  if (node == nullptr) return Missing(*this, key);
  if (node->kind_ != Kind::kMapping) return node->Wrong(fmt::format("'{}' must be a mapping (key: value)", key));
  return node;
}

StatusOr<const YamlNode*> YamlNode::Sequence(std::string_view key) const {
  const YamlNode* node = Find(key);
  if (node == nullptr) return Missing(*this, key);
  if (node->kind_ != Kind::kSequence) return node->Wrong(fmt::format("'{}' must be a list", key));
  return node;
}

StatusOr<std::string> YamlNode::AsText() const {
  if (kind_ != Kind::kScalar || scalar_.empty()) return Wrong("expected a text");
  return scalar_;
}

StatusOr<std::string> YamlNode::Text(std::string_view key) const {
  const YamlNode* node = Find(key);
  if (node == nullptr) return Missing(*this, key);
  if (node->kind_ != Kind::kScalar || node->scalar_.empty())
    return node->Wrong(fmt::format("'{}' must be a text that is not empty", key));
  return node->scalar_;
}

StatusOr<uint64_t> YamlNode::Number(std::string_view key, uint64_t min, uint64_t max) const {
  SMKI_ASSIGN_OR_RETURN(const std::string text, Text(key));
  uint64_t value = 0;
  bool good = text.size() <= 19 && (text.size() == 1 || text[0] != '0');
  for (const char c : text) {
    good = good && c >= '0' && c <= '9';
    value = value * 10 + static_cast<uint64_t>(c - '0');
  }
  if (!good || value < min || value > max) {
    return Find(key)->Wrong(fmt::format("'{}' must be a whole number from {} to {}, without leading zeros; found '{}'",
                                        key, min, max, text));
  }
  return value;
}

StatusOr<bool> YamlNode::Boolean(std::string_view key) const {
  SMKI_ASSIGN_OR_RETURN(const std::string text, Text(key));
  if (text != "true" && text != "false")
    return Find(key)->Wrong(fmt::format("'{}' must be true or false, found '{}'", key, text));
  return text == "true";
}

namespace {
template <typename T, typename Parse>
StatusOr<T> Parsed(const YamlNode& node, std::string_view key, const char* expected, Parse parse) {
  SMKI_ASSIGN_OR_RETURN(const std::string text, node.Text(key));
  const auto value = parse(text);
  if (!value) return node.Find(key)->Wrong(fmt::format("'{}' must be {}; found '{}'", key, expected, text));
  return *value;
}
}  // namespace

StatusOr<UtcTime> YamlNode::Time(std::string_view key) const {
  return Parsed<UtcTime>(*this, key, "a UTC time such as 2026-11-21T03:00:00Z", ParseTime);
}
StatusOr<Millis> YamlNode::Duration(std::string_view key) const {
  return Parsed<Millis>(*this, key, "an ISO 8601 duration such as PT15M or P7D", ParseDuration);
}
StatusOr<Digest> YamlNode::Sha256(std::string_view key) const {
  return Parsed<Digest>(*this, key, "a SHA-256 digest (64 hexadecimal digits)", DigestFromHex);
}
StatusOr<Eui64> YamlNode::Eui(std::string_view key) const {
  return Parsed<Eui64>(*this, key, "an EUI-64 such as 00-DB-12-34-56-78-90-A0", Eui64::Parse);
}
StatusOr<Bytes> YamlNode::Base64(std::string_view key) const {
  return Parsed<Bytes>(*this, key, "Base64", FromBase64);
}

StatusOr<std::vector<std::string>> YamlNode::TextList(std::string_view key) const {
  SMKI_ASSIGN_OR_RETURN(const YamlNode* list, Sequence(key));
  std::vector<std::string> out;
  for (const YamlNode& item : list->items_) {
    SMKI_ASSIGN_OR_RETURN(std::string text, item.AsText());
    out.push_back(std::move(text));
  }
  return out;
}

}  // namespace smki
