#include "repository/extract/record_scanner.h"

#include <algorithm>
#include <cstring>

#include "repository/extract/shown.h"

namespace smki::repository {
namespace {

bool IsSpace(char c) {
  return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

bool IsNameStart(char c) {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_';
}

bool IsNameCharacter(char c) {
  return IsNameStart(c) || (c >= '0' && c <= '9') || c == '-' || c == '.';
}

std::string_view Trimmed(std::string_view text) {
  while (!text.empty() && IsSpace(text.front())) text.remove_prefix(1);
  while (!text.empty() && IsSpace(text.back())) text.remove_suffix(1);
  return text;
}

// Whether all is printable ASCII or white space, which is nearly always so.
bool IsPlain(std::string_view text) {
  for (const char c : text) {
    if ((c < 0x20 && !IsSpace(c)) || c == 0x7F) return false;
  }
  return text.find("]]>") == std::string_view::npos;
}

// What a short text that needs no second look consists of.
constexpr std::array<bool, 256> MakeSimple() {
  std::array<bool, 256> table{};
  for (size_t c = 0x21; c < 0x7F; ++c) table[c] = c != '<' && c != '&' && c != '>';
  return table;
}
constexpr std::array<bool, 256> kSimple = MakeSimple();

// The tags of the fields as they nearly always are.
struct QuickTag {
  std::string open, close;
};
const std::array<QuickTag, schema::kFields>& QuickTags() {
  static const auto tags = [] {
    std::array<QuickTag, schema::kFields> out;
    for (size_t i = 0; i < schema::kFields; ++i) {
      const std::string name(schema::kFieldRules[i].element);
      out[i] = {"<" + name + ">", "</" + name + ">"};
    }
    return out;
  }();
  return tags;
}

// UTF-8 of characters that XML 1.0 allows (2.2), without those that never are in one.
bool IsXmlText(std::string_view text) {
  for (size_t i = 0; i < text.size();) {
    const auto octet = [&](size_t k) { return static_cast<uint8_t>(text[i + k]); };
    const uint8_t first = octet(0);
    if (first < 0x80) {
      if (first < 0x20 && !IsSpace(text[i])) return false;
      ++i;
      continue;
    }
    const size_t size = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
    if (first < 0xC2 || first > 0xF4 || i + size > text.size()) return false;
    uint32_t point = first & (0xFFu >> (size + 1));
    for (size_t k = 1; k < size; ++k) {
      if ((octet(k) & 0xC0) != 0x80) return false;
      point = point << 6 | (octet(k) & 0x3Fu);
    }
    const bool shortest = size == 2 || (size == 3 && point >= 0x800) || (size == 4 && point >= 0x10000);
    if (!shortest || point > 0x10FFFF || (point >= 0xD800 && point <= 0xDFFF) || point == 0xFFFE || point == 0xFFFF)
      return false;
    i += size;
  }
  return text.find("]]>") == std::string_view::npos;  // XML 1.0 2.4
}

}  // namespace

size_t EndOfLastRecord(std::string_view text) {
  constexpr size_t kLongestTag = 256;  // octets, of a record's end: this is asked of anything, and must be quick
  // Backwards from tag to tag: a record's end is one of the last few.
  for (size_t end = text.size(); end > 0;) {
    const void* found = memrchr(text.data(), '<', end);
    if (found == nullptr) return 0;
    const size_t at = static_cast<size_t>(static_cast<const char*>(found) - text.data());
    end = at;
    if (text.substr(at, 2) != "</") continue;
    const size_t length = text.substr(at, kLongestTag).find('>');
    if (length == std::string_view::npos) continue;
    const size_t close = at + length;
    std::string_view name = Trimmed(text.substr(at + 2, close - at - 2));
    if (const size_t colon = name.find(':'); colon != std::string_view::npos) name.remove_prefix(colon + 1);
    if (name == schema::kRecord) return close + 1;
  }
  return 0;
}

RecordScanner::RecordScanner(std::string_view chunk, uint64_t offset, bool first)
    : chunk_(chunk), offset_(offset), in_root_(!first) {}

bool RecordScanner::Refused(Refusal refusal, std::string detail) {
  if (!refused_) {
    refused_ = true;
    refusal_ = refusal;
    detail_ = std::move(detail);
  }
  return false;
}

// White space, and comments. False at the end of the chunk or if refused.
bool RecordScanner::SkipSpace() {
  while (true) {
    while (at_ < chunk_.size() && IsSpace(chunk_[at_])) ++at_;
    if (at_ == chunk_.size()) return false;
    if (!StartsWith("<!--")) return true;
    if (!Comment()) return false;
  }
}

bool RecordScanner::Comment() {
  const size_t end = chunk_.find("--", at_ + 4);
  // A chunk ends behind what looks like the end of a record: one in a comment would hide the rest of it.
  if (chunk_.substr(at_, end == std::string_view::npos ? end : end - at_).find("</") != std::string_view::npos)
    return Refused(Refusal::kXML_UNSUPPORTED, "a comment hides a tag");
  if (end == std::string_view::npos) return Refused(Refusal::kXML_TRUNCATED, "a comment does not end");
  if (chunk_.substr(end, 3) != "-->") return Refused(Refusal::kXML_MALFORMED, "\"--\" stands in a comment");
  if (!IsXmlText(chunk_.substr(at_, end - at_))) return Refused(Refusal::kXML_MALFORMED, "a comment is not UTF-8 text");
  at_ = end + 3;
  return true;
}

// At '<'. Attributes are gone over, not kept.
bool RecordScanner::ReadTag(Tag& tag) {
  tag = {};
  if (StartsWith("<!DOCTYPE")) return Refused(Refusal::kXML_DOCTYPE, "a document type (DTD) is not allowed");
  if (StartsWith("<!")) return Refused(Refusal::kXML_UNSUPPORTED, "CDATA and declarations are not allowed");
  if (StartsWith("<?")) return Refused(Refusal::kXML_UNSUPPORTED, "processing instructions are not allowed");
  size_t i = at_ + 1;
  if (i < chunk_.size() && chunk_[i] == '/') {
    tag.end = true;
    ++i;
  }
  const auto read_name = [&] {
    const size_t start = i;
    if (i < chunk_.size() && IsNameStart(chunk_[i])) {
      while (i < chunk_.size() && IsNameCharacter(chunk_[i])) ++i;
    }
    return chunk_.substr(start, i - start);
  };
  const size_t start = i;
  tag.name = read_name();
  if (i < chunk_.size() && chunk_[i] == ':' && !tag.name.empty()) {
    ++i;
    tag.name = read_name();
  }
  if (tag.name.empty()) {
    at_ = std::min(i, chunk_.size());
    return at_ == chunk_.size() ? Refused(Refusal::kXML_TRUNCATED, "the document ends inside a tag")
                                : Refused(Refusal::kXML_MALFORMED, "a tag has no name");
  }
  tag.whole = chunk_.substr(start, i - start);
  std::vector<std::string_view> attributes;
  while (true) {
    const size_t before = i;
    while (i < chunk_.size() && IsSpace(chunk_[i])) ++i;
    if (i == chunk_.size()) return Refused(Refusal::kXML_TRUNCATED, "the document ends inside a tag");
    if (chunk_[i] == '>') break;
    if (chunk_[i] == '/' && !tag.end && chunk_.substr(i, 2) == "/>") {
      tag.empty = true;
      ++i;
      break;
    }
    // An attribute: name = "value".
    const auto attribute = [&] {
      const size_t begin = i;
      if (tag.end || before == i || attributes.size() == kMaxAttributes || read_name().empty()) return false;
      if (i < chunk_.size() && chunk_[i] == ':') {
        ++i;
        if (read_name().empty()) return false;
      }
      const std::string_view name = chunk_.substr(begin, i - begin);
      if (std::find(attributes.begin(), attributes.end(), name) != attributes.end()) return false;
      attributes.push_back(name);
      while (i < chunk_.size() && IsSpace(chunk_[i])) ++i;
      if (i == chunk_.size() || chunk_[i++] != '=') return false;
      while (i < chunk_.size() && IsSpace(chunk_[i])) ++i;
      if (i == chunk_.size() || (chunk_[i] != '"' && chunk_[i] != '\'')) return false;
      const size_t close = chunk_.find(chunk_[i], i + 1);
      if (close == std::string_view::npos) return false;
      const std::string_view value = chunk_.substr(i + 1, close - i - 1);
      if (value.find_first_of("<&") != std::string_view::npos || !IsXmlText(value)) return false;
      i = close + 1;
      return true;
    };
    if (!attribute()) {
      at_ = std::min(i, chunk_.size());
      return Refused(Refusal::kXML_MALFORMED, "the tag <" + Shown(tag.name) + "> is not well-formed");
    }
    tag.attributes = true;
  }
  at_ = i + 1;
  return true;
}

bool RecordScanner::Prolog() {
  if (StartsWith("\xEF\xBB\xBF")) at_ += 3;
  if (StartsWith("<?xml") && at_ + 5 < chunk_.size() && IsSpace(chunk_[at_ + 5])) {
    const size_t end = chunk_.find("?>", at_);
    if (end == std::string_view::npos) return Refused(Refusal::kXML_TRUNCATED, "the XML declaration does not end");
    static constexpr std::string_view kForms[] = {"version=\"1.0\" encoding=\"UTF-8\"",
                                                  "version=\"1.0\" encoding=\"utf-8\"",
                                                  "version='1.0' encoding='UTF-8'",
                                                  "version='1.0' encoding='utf-8'",
                                                  "version=\"1.0\"",
                                                  "version='1.0'"};
    std::string_view declaration = Trimmed(chunk_.substr(at_ + 5, end - at_ - 5));
    for (const std::string_view alone : {"standalone=\"yes\"", "standalone=\"no\"", "standalone='yes'"}) {
      if (!declaration.ends_with(alone)) continue;
      declaration = Trimmed(declaration.substr(0, declaration.size() - alone.size()));
      break;
    }
    if (std::find(std::begin(kForms), std::end(kForms), declaration) == std::end(kForms))
      return Refused(Refusal::kXML_UNSUPPORTED, "the XML declaration is not of version 1.0 in UTF-8");
    at_ = end + 2;
  }
  if (!SkipSpace()) return refused_ ? false : Refused(Refusal::kXML_TRUNCATED, "there is no document");
  if (chunk_[at_] != '<') return Refused(Refusal::kXML_MALFORMED, "text stands before the document");
  return true;
}

bool RecordScanner::Root() {
  Tag tag;
  if (!ReadTag(tag)) return false;
  if (tag.end || tag.name != schema::kRoot)
    return Refused(Refusal::kXML_ROOT_WRONG,
                   fmt::format("the document is <{}>, expected <{}>", Shown(tag.name), schema::kRoot));
  in_root_ = true;
  root_ = tag.whole;
  ended_ = tag.empty;
  return true;
}

// What stands beside the records: the header, before the first of them.
bool RecordScanner::Headers() {
  while (!ended_ && SkipSpace()) {
    const size_t before = at_;
    Tag tag;
    if (chunk_[at_] != '<') return Refused(Refusal::kXML_MALFORMED, "text stands where only elements are expected");
    if (!ReadTag(tag)) return false;
    if (tag.end || tag.name == schema::kRecord) {
      at_ = before;
      return true;
    }
    const auto rule = std::find_if(schema::kHeaderRules.begin(), schema::kHeaderRules.end(),
                                   [&](const schema::Rule& r) { return r.element == tag.name; });
    if (rule == schema::kHeaderRules.end() || tag.attributes)
      return Refused(Refusal::kXML_ROOT_WRONG,
                     fmt::format("unexpected element <{}>, expected <{}>", Shown(tag.name), schema::kRecord));
    auto& header = headers_[static_cast<size_t>(rule - schema::kHeaderRules.begin())];
    std::string_view text;
    if (header) return Refused(Refusal::kHEADER_WRONG, fmt::format("<{}> stands there twice", rule->element));
    if (!tag.empty && !Text(tag, text)) {
      return refused_ ? false
                      : Refused(Refusal::kHEADER_WRONG, fmt::format("<{}> holds another element", rule->element));
    }
    if (text.size() > rule->max_octets)
      return Refused(Refusal::kHEADER_WRONG, fmt::format("<{}> is too long", rule->element));
    header = std::string(text);
  }
  return !refused_;
}

RecordScanner::Step RecordScanner::Next(ScannedRecord& out) {
  Step step = Step::kRefused;
  if (refused_) return step;
  if (!in_root_ && (!Prolog() || !Root() || !Headers())) return Step::kRefused;
  if (!Between(step)) return refused_ ? Step::kRefused : step;
  return Record(out) ? Step::kRecord : Step::kRefused;
}

// To the next record. False if there is none: see `step`.
bool RecordScanner::Between(Step& step) {
  while (SkipSpace()) {
    if (ended_) return Refused(Refusal::kXML_MALFORMED, "something follows the document");
    if (chunk_[at_] != '<') return Refused(Refusal::kXML_MALFORMED, "text stands where only elements are expected");
    if (!StartsWith("</")) return true;
    Tag tag;
    if (!ReadTag(tag)) return false;
    if (tag.name != schema::kRoot || (!root_.empty() && tag.whole != root_))
      return Refused(Refusal::kXML_MALFORMED, "</" + Shown(tag.name) + "> ends what was not begun");
    ended_ = true;
  }
  step = ended_ ? Step::kDocumentEnd : Step::kChunkEnd;
  return false;
}

bool RecordScanner::Record(ScannedRecord& out) {
  out.fields.fill({});
  out.fault.reset();
  out.offset = offset_ + at_;
  if (!unescaped_.empty()) unescaped_.clear();
  if (RecordAsBefore(out)) return true;
  const size_t begin = at_;
  bool quick = true;
  Tag tag;
  if (!ReadTag(tag)) return false;
  if (tag.name != schema::kRecord || tag.attributes) {
    return Refused(Refusal::kXML_ROOT_WRONG, fmt::format("unexpected element <{}>{}, expected <{}>", Shown(tag.name),
                                                         tag.attributes ? " with attributes" : "", schema::kRecord));
  }
  size_t next = 0;  // the first field that may still come
  while (!tag.empty) {
    if (!SkipSpace()) return refused_ ? false : Refused(Refusal::kXML_TRUNCATED, "a record does not end");
    if (chunk_[at_] != '<') return Refused(Refusal::kXML_MALFORMED, "text stands where only elements are expected");
    if (QuickField(next, out)) continue;
    Tag field;
    if (!ReadTag(field)) return false;
    quick = quick && field.end;
    if (field.end) {
      if (field.whole != tag.whole)
        return Refused(Refusal::kXML_MALFORMED, "</" + Shown(field.name) + "> ends what was not begun");
      break;
    }
    if (!Field(field, next, out)) return false;
  }
  for (size_t i = 0; i < schema::kFields && !out.fault; ++i) {
    if (schema::kFieldRules[i].required && out.fields[i].data() == nullptr)
      out.fault = Fault{Reject::kELEMENT_MISSING, schema::kFieldRules[i].element.data()};
  }
  if (quick && !out.fault) Learn(begin, out);
  return true;
}

// A record whose fields all were read by QuickField: their texts lie in the chunk, in order.
void RecordScanner::Learn(size_t begin, const ScannedRecord& record) {
  Shape& shape = shapes_[next_shape_];
  shape.fields = 0;
  const char* at = chunk_.data() + begin;
  for (size_t i = 0; i < schema::kFields; ++i) {
    const std::string_view text = record.fields[i];
    if (text.data() == nullptr) continue;
    shape.before[shape.fields++] = {i, {at, static_cast<size_t>(text.data() - at)}};
    at = text.data() + text.size();
  }
  shape.end = {at, static_cast<size_t>(chunk_.data() + at_ - at)};
  shape_ = next_shape_;
  next_shape_ = (next_shape_ + 1) % kShapes;
  shapes_known_ = std::max(shapes_known_, shape_ + 1);
}

// Nearly every record has the shape of the one before it. False, with no field set, if it has none of those known.
bool RecordScanner::RecordAsBefore(ScannedRecord& out) {
  for (size_t i = 0; i < shapes_known_; ++i) {
    const size_t tried = (shape_ + i) % shapes_known_;
    if (RecordOfShape(shapes_[tried], out)) {
      shape_ = tried;
      return true;
    }
    out.fields.fill({});
  }
  return false;
}

// No text that is taken here has white space at its ends or an octet that the long way would look at twice; so the long
// way takes the same.
bool RecordScanner::RecordOfShape(const Shape& shape, ScannedRecord& out) {
  const char* at = chunk_.data() + at_;
  const char* const end = chunk_.data() + chunk_.size();
  const auto take = [&](std::string_view markup) {
    if (static_cast<size_t>(end - at) < markup.size() || std::memcmp(at, markup.data(), markup.size()) != 0)
      return false;
    at += markup.size();
    return true;
  };
  for (size_t k = 0; k < shape.fields; ++k) {
    const auto [field, markup] = shape.before[k];
    if (!take(markup)) return false;
    const char* const begin = at;
    if (field == schema::kBody) {
      const void* tag = std::memchr(begin, '<', static_cast<size_t>(end - begin));
      if (tag == nullptr) return false;
      at = static_cast<const char*>(tag);
      while (at > begin && IsSpace(at[-1])) --at;
      if (at == begin || IsSpace(*begin) || std::memchr(begin, '&', static_cast<size_t>(at - begin)) != nullptr)
        return false;
    } else {
      while (at < end && kSimple[static_cast<uint8_t>(*at)]) ++at;
    }
    out.fields[field] = {begin, static_cast<size_t>(at - begin)};
    if (out.fields[field].size() > schema::kFieldRules[field].max_octets) return false;
  }
  if (!take(shape.end)) return false;
  at_ = static_cast<size_t>(at - chunk_.data());
  return true;
}

// A field that comes in its turn and has plain text. False, with nothing done, if it is anything else.
bool RecordScanner::QuickField(size_t& next, ScannedRecord& out) {
  const auto& tags = QuickTags();
  size_t i = next;
  while (i < schema::kFields && !StartsWith(tags[i].open)) ++i;
  if (i == schema::kFields) return false;
  const size_t begin = at_ + tags[i].open.size();
  const size_t end = chunk_.find('<', begin);
  if (end == std::string_view::npos || chunk_.substr(end, tags[i].close.size()) != tags[i].close) return false;
  const std::string_view text = Trimmed(chunk_.substr(begin, end - begin));
  const bool body = i == schema::kBody;
  if (text.size() > schema::kFieldRules[i].max_octets || text.find('&') != std::string_view::npos ||
      (!body && !IsPlain(text)))
    return false;
  out.fields[i] = text;
  next = i + 1;
  at_ = end + tags[i].close.size();
  return true;
}

bool RecordScanner::Field(const Tag& tag, size_t& next, ScannedRecord& out) {
  const auto blame = [&](Reject reject, const char* detail) {
    if (!out.fault) out.fault = Fault{reject, detail};
  };
  size_t i = next;
  while (i < schema::kFields && schema::kFieldRules[i].element != tag.name) ++i;
  if (i == schema::kFields) {
    for (i = 0; i < next && schema::kFieldRules[i].element != tag.name; ++i) {
    }
    if (i == next) {
      blame(Reject::kELEMENT_UNKNOWN, "");
    } else {
      blame(out.fields[i].data() != nullptr ? Reject::kELEMENT_TWICE : Reject::kELEMENT_ORDER,
            schema::kFieldRules[i].element.data());
    }
    return tag.empty || SkipElement(tag, 2);
  }
  const schema::Rule& rule = schema::kFieldRules[i];
  if (tag.attributes) blame(Reject::kELEMENT_UNKNOWN, "an element has attributes");
  next = i + 1;
  std::string_view text = "";
  if (!tag.empty && !Text(tag, text)) {
    if (refused_) return false;
    blame(Reject::kELEMENT_NESTED, rule.element.data());
    return SkipElement(tag, 2);
  }
  if (text.size() > rule.max_octets) blame(Reject::kELEMENT_TOO_LONG, rule.element.data());
  out.fields[i] = text.data() == nullptr ? std::string_view("") : text;
  return true;
}

// The text up to the end of the element that `begin` opens. False, at an inner tag, if it has one.
bool RecordScanner::Text(const Tag& begin, std::string_view& out) {
  const std::string_view element = begin.whole;
  const size_t open = chunk_.find('<', at_);
  if (open == std::string_view::npos) return Refused(Refusal::kXML_TRUNCATED, "an element does not end");
  const std::string_view raw = chunk_.substr(at_, open - at_);
  at_ = open;
  const size_t behind = open + 2 + element.size();
  if (behind < chunk_.size() && StartsWith("</") && chunk_.substr(open + 2, element.size()) == element &&
      chunk_[behind] == '>') {
    at_ = behind + 1;
  } else {
    if (StartsWith("<!")) return Refused(Refusal::kXML_UNSUPPORTED, "a comment or CDATA stands inside a text");
    if (!StartsWith("</")) {
      CheckText(raw);
      return false;
    }
    Tag tag;
    if (!ReadTag(tag)) return false;
    if (tag.whole != element)
      return Refused(Refusal::kXML_MALFORMED, "</" + Shown(tag.whole) + "> ends <" + Shown(element) + ">");
  }
  out = Trimmed(raw);
  if (out.find('&') != std::string_view::npos) return Unescaped(out, out);
  // A body is Base64 or rejected; it is most of the file.
  if (begin.name != schema::kFieldRules[schema::kBody].element && !IsXmlText(out))
    return Refused(Refusal::kXML_MALFORMED, "a text is not UTF-8");
  return true;
}

// Of a text that nobody reads, whether it may stand in a document at all.
bool RecordScanner::CheckText(std::string_view text) {
  std::string_view ignored;
  if (text.find('&') != std::string_view::npos) return Unescaped(text, ignored);
  return IsXmlText(text) || Refused(Refusal::kXML_MALFORMED, "a text is not UTF-8");
}

bool RecordScanner::Unescaped(std::string_view text, std::string_view& out) {
  static constexpr std::pair<std::string_view, char> kEntities[] = {
      {"&amp;", '&'}, {"&lt;", '<'}, {"&gt;", '>'}, {"&quot;", '"'}, {"&apos;", '\''}};
  std::string plain;
  for (size_t i = 0; i < text.size();) {
    if (text[i] != '&') {
      plain += text[i++];
      continue;
    }
    const auto entity = std::find_if(std::begin(kEntities), std::end(kEntities),
                                     [&](const auto& e) { return text.substr(i).starts_with(e.first); });
    if (entity == std::end(kEntities))
      return Refused(Refusal::kXML_ENTITY, "\"" + Shown(text.substr(i, 12)) + "\" is none of the five of XML");
    plain += entity->second;
    i += entity->first.size();
  }
  if (!IsXmlText(plain)) return Refused(Refusal::kXML_MALFORMED, "a text is not UTF-8");
  out = unescaped_.emplace_back(std::move(plain));
  return true;
}

// Over all that is left of `tag`, to behind its end.
bool RecordScanner::SkipElement(const Tag& tag, size_t depth) {
  if (depth == kMaxDepth) return Refused(Refusal::kXML_TOO_DEEP, "<" + Shown(tag.name) + "> is nested too deep");
  while (true) {
    const size_t open = chunk_.find('<', at_);
    if (open == std::string_view::npos) return Refused(Refusal::kXML_TRUNCATED, "an element does not end");
    if (!CheckText(chunk_.substr(at_, open - at_))) return false;
    at_ = open;
    if (StartsWith("<!--")) {
      if (!Comment()) return false;
      continue;
    }
    Tag inner;
    if (!ReadTag(inner)) return false;
    if (inner.end) {
      if (inner.whole == tag.whole) return true;
      return Refused(Refusal::kXML_MALFORMED, "</" + Shown(inner.name) + "> ends <" + Shown(tag.name) + ">");
    }
    // Where a chunk is cut must not depend on what is inside a record.
    if (inner.name == schema::kRecord) return Refused(Refusal::kXML_UNSUPPORTED, "a record stands inside a record");
    if (!inner.empty && !SkipElement(inner, depth + 1)) return false;
  }
}

}  // namespace smki::repository
