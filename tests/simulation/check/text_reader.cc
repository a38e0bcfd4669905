#include "tests/simulation/check/text_reader.h"

#include <algorithm>

namespace smki::simulation {
namespace {

bool IsKey(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return std::isalnum(c) != 0; });
}

// "key" of "key:" and "key: value".
std::optional<std::string_view> KeyOf(std::string_view text) {
  const size_t colon = text.find(':');
  if (colon == std::string_view::npos || !IsKey(text.substr(0, colon))) return std::nullopt;
  if (colon + 1 != text.size() && text[colon + 1] != ' ') return std::nullopt;
  return text.substr(0, colon);
}

void Note(std::string& fault, int line, const char* what, const std::string& found) {
  if (fault.empty()) fault = fmt::format("line {}: {} is expected, '{}' found", line, what, found);
}

}  // namespace

class TextParser {
 public:
  Status Lines(std::string_view text) {
    if (text.empty() || text.back() != '\n') return InvalidArgument("no line end at the end");
    for (char c : text) {
      if (c != '\n' && (c < 0x20 || c > 0x7E)) return InvalidArgument("a character that is not printable ASCII");
    }
    for (size_t at = 0; at < text.size();) {
      const size_t end = text.find('\n', at);
      std::string_view line = text.substr(at, end - at);
      const size_t indent = std::min(line.find_first_not_of(' '), line.size());
      const int number = static_cast<int>(lines_.size()) + 1;
      if (indent % 2 != 0 || indent == line.size() || line.back() == ' ')
        return InvalidArgument("line {}: spaces that do not belong there", number);
      lines_.push_back({indent, line.substr(indent), number});
      at = end + 1;
    }
    return OkStatus();
  }

  StatusOr<Text> Whole() {
    SMKI_ASSIGN_OR_RETURN(Text out, Block(0));
    if (at_ < lines_.size()) return InvalidArgument("line {}: not expected here", lines_[at_].number);
    return out;
  }

 private:
  struct Line {
    size_t indent;
    std::string_view text;
    int number;
  };

  StatusOr<Text> Block(size_t indent) {
    if (at_ < lines_.size() && lines_[at_].indent == indent && lines_[at_].text.starts_with("- ")) return List(indent);
    return Mapping(indent);
  }

  StatusOr<Text> List(size_t indent) {
    Text out;
    out.line_ = lines_[at_].number;
    while (at_ < lines_.size() && lines_[at_].indent == indent && lines_[at_].text.starts_with("- ")) {
      Line& line = lines_[at_];
      line = {indent + 2, line.text.substr(2), line.number};
      if (KeyOf(line.text)) {
        SMKI_ASSIGN_OR_RETURN(Text item, Mapping(indent + 2));
        out.items_.push_back(std::move(item));
      } else {
        Text item;
        item.scalar_ = std::string(line.text);
        item.line_ = line.number;
        out.items_.push_back(std::move(item));
        ++at_;
      }
    }
    return out;
  }

  StatusOr<Text> Mapping(size_t indent) {
    Text out;
    out.line_ = at_ < lines_.size() ? lines_[at_].number : 0;
    while (at_ < lines_.size() && lines_[at_].indent == indent) {
      const Line line = lines_[at_];
      const auto key = KeyOf(line.text);
      if (!key) return InvalidArgument("line {}: 'key: value' is expected", line.number);
      ++at_;
      Text value;
      value.line_ = line.number;
      if (line.text.size() > key->size() + 1) {
        value.scalar_ = std::string(line.text.substr(key->size() + 2));
      } else {
        if (at_ >= lines_.size() || lines_[at_].indent != indent + 2)
          return InvalidArgument("line {}: '{}' has no value", line.number, *key);
        SMKI_ASSIGN_OR_RETURN(value, Block(indent + 2));
      }
      out.fields_.emplace_back(*key, std::move(value));
    }
    if (out.fields_.empty()) return InvalidArgument("line {}: a value is missing", out.line_);
    return out;
  }

  std::vector<Line> lines_;
  size_t at_ = 0;
};

StatusOr<Text> Text::Read(std::string_view text) {
  TextParser parser;
  SMKI_RETURN_IF_ERROR(parser.Lines(text));
  return parser.Whole();
}

Status Text::Shape(std::initializer_list<const char*> keys) const {
  size_t at = 0;
  for (const char* key : keys) {
    const bool optional = key[0] == '?';
    const std::string_view name(optional ? key + 1 : key);
    if (at < fields_.size() && fields_[at].first == name) {
      ++at;
    } else if (!optional) {
      return InvalidArgument("line {}: '{}' is expected, '{}' found", line_, name,
                             at < fields_.size() ? fields_[at].first : "nothing");
    }
  }
  if (at < fields_.size())
    return InvalidArgument("line {}: '{}' is not expected", fields_[at].second.line_, fields_[at].first);
  return OkStatus();
}

const Text& Text::operator[](std::string_view path) const {
  static const Text nothing;
  const size_t dot = path.find('.');
  for (const auto& [key, value] : fields_) {
    if (key == path.substr(0, dot)) return dot == std::string_view::npos ? value : value[path.substr(dot + 1)];
  }
  return nothing;
}

bool Text::Has(std::string_view key) const {
  return std::any_of(fields_.begin(), fields_.end(), [&](const auto& field) { return field.first == key; });
}

std::string Text::Name(std::string& fault) const {
  const auto allowed = [](char c) {
    return std::isalnum(c) != 0 || std::string_view("._:/+=-").find(c) != std::string_view::npos;
  };
  const bool good = !scalar_.empty() && scalar_.size() <= 128 && std::isalnum(scalar_[0]) != 0 &&
                    scalar_.back() != ':' && std::all_of(scalar_.begin(), scalar_.end(), allowed);
  if (!good) Note(fault, line_, "a name", scalar_);
  return scalar_;
}

std::string Text::Quoted(std::string& fault) const {
  const bool good = scalar_.size() >= 2 && scalar_.size() <= 4002 && scalar_.front() == '"' && scalar_.back() == '"' &&
                    scalar_.find_first_of("\"\\", 1) == scalar_.size() - 1;
  if (!good) Note(fault, line_, "a quoted text", scalar_);
  return good ? scalar_.substr(1, scalar_.size() - 2) : "";
}

uint64_t Text::Number(std::string& fault) const {
  uint64_t out = 0;
  bool good = !scalar_.empty() && scalar_.size() <= 20 && (scalar_ == "0" || scalar_[0] != '0');
  for (char c : scalar_) {
    good = good && c >= '0' && c <= '9' && !__builtin_mul_overflow(out, uint64_t{10}, &out) &&
           !__builtin_add_overflow(out, static_cast<uint64_t>(c - '0'), &out);
  }
  if (!good) Note(fault, line_, "a number", scalar_);
  return out;
}

bool Text::Flag(std::string& fault) const {
  if (scalar_ != "true" && scalar_ != "false") Note(fault, line_, "true or false", scalar_);
  return scalar_ == "true";
}

UtcTime Text::Time(std::string& fault) const {
  const auto time = scalar_.size() == 20 ? ParseTime(scalar_) : std::nullopt;
  if (!time) Note(fault, line_, "a time", scalar_);
  return time.value_or(UtcTime{});
}

Millis Text::Duration(std::string& fault) const {
  const auto duration = ParseDuration(scalar_);
  if (!duration || FormatDuration(*duration) != scalar_) Note(fault, line_, "a duration", scalar_);
  return duration.value_or(Millis(0));
}

Digest Text::Digest(std::string& fault) const {
  const auto digest = DigestFromHex(scalar_);
  if (!digest || ToHex(*digest) != scalar_) Note(fault, line_, "a digest", scalar_);
  return digest.value_or(smki::Digest{});
}

Bytes Text::Octets(std::string& fault) const {
  const auto octets = FromBase64(scalar_);
  if (!octets || octets->empty() || ToBase64(*octets) != scalar_) Note(fault, line_, "Base64", scalar_);
  return octets.value_or(Bytes{});
}

std::vector<std::string> Text::Names(std::string& fault) const {
  std::vector<std::string> out;
  for (const Text& item : items_) out.push_back(item.Name(fault));
  if (items_.empty() && scalar_ != "[]") Note(fault, line_, "a list", scalar_);
  return out;
}

std::string Text::Flat() const {
  std::string out = scalar_;
  for (const auto& [key, value] : fields_) out += "{" + key + ":" + value.Flat() + "}";
  for (const Text& item : items_) out += "[" + item.Flat() + "]";
  return out;
}

}  // namespace smki::simulation
