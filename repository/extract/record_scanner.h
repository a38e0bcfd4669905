// The XML of an extract file, scanned where it lies: the file is cut into chunks behind the end of a record
// (EndOfLastRecord), and each chunk is scanned by itself, so that many can be at once. Not an XML parser: it knows the
// one shape that docs/formats/extract.md describes, and refuses what that shape never needs (document types, entities
// beside the five of XML, CDATA, processing instructions). Whatever it accepts, libxml2 accepts with the same content
// (tests/fuzz/extract_fuzz.cc). Private to this room. Each scanner is used by one thread.
#pragma once

#include <array>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "repository/extract/schema.h"
#include "repository/profile/certificate_view.h"

namespace smki::repository {

struct ScannedRecord {
  // Trimmed; data() is null for an element that is not there. They point into the chunk or the scanner.
  std::array<std::string_view, schema::kFields> fields;
  uint64_t offset = 0;         // octets of XML before its first tag
  std::optional<Fault> fault;  // the record is well-formed XML, but not of the schema
};

// The octets up to the end of the last record in `text`, 0 if no record ends there.
size_t EndOfLastRecord(std::string_view text);

class RecordScanner {
 public:
  static constexpr size_t kMaxDepth = 8;
  static constexpr size_t kMaxAttributes = 16;  // of a tag

  // `chunk` begins `offset` octets behind the start of the document; the first one has the prolog, the root's tag and
  // the header. `file` and `offset` are for messages.
  RecordScanner(std::string_view chunk, uint64_t offset, bool first);

  enum class Step : uint8_t {
    kRecord,
    kChunkEnd,     // nothing more here; the document goes on behind it
    kDocumentEnd,  // the root ended, and nothing but white space followed it
    kRefused,      // see refusal(): the document is not to be read on
  };
  Step Next(ScannedRecord& out);

  // Of the first chunk, once a record or the end was met.
  const std::array<std::optional<std::string>, schema::kHeaders>& headers() const { return headers_; }
  Refusal refusal() const { return refusal_; }
  const std::string& refusal_detail() const { return detail_; }
  uint64_t refusal_offset() const { return offset_ + at_; }

 private:
  struct Tag {
    std::string_view name;   // without its prefix
    std::string_view whole;  // with it
    bool end = false, empty = false, attributes = false;
  };
  bool Refused(Refusal refusal, std::string detail);
  bool SkipSpace();
  bool Prolog();
  bool Root();
  bool Headers();
  bool Between(Step& step);
  bool Comment();
  bool ReadTag(Tag& tag);
  // Everything of a record but the texts of its fields: the same octets again are the same record with other texts.
  struct Shape {
    // In front of the text of each field; they point into the chunk.
    std::array<std::pair<size_t, std::string_view>, schema::kFields> before;
    size_t fields = 0;
    std::string_view end;  // behind the last text
  };
  static constexpr size_t kShapes = 4;

  bool Record(ScannedRecord& out);
  bool RecordAsBefore(ScannedRecord& out);
  bool RecordOfShape(const Shape& shape, ScannedRecord& out);
  void Learn(size_t begin, const ScannedRecord& record);
  bool QuickField(size_t& next, ScannedRecord& out);
  bool Field(const Tag& tag, size_t& next, ScannedRecord& out);
  bool Text(const Tag& begin, std::string_view& out);
  bool CheckText(std::string_view text);
  bool Unescaped(std::string_view text, std::string_view& out);
  bool SkipElement(const Tag& tag, size_t depth);
  bool StartsWith(std::string_view text) const { return chunk_.substr(at_, text.size()) == text; }

  std::string_view chunk_;
  uint64_t offset_;
  size_t at_ = 0;
  std::string_view root_;  // its tag with its prefix, in the first chunk
  bool in_root_, ended_ = false, refused_ = false;
  std::array<std::optional<std::string>, schema::kHeaders> headers_;
  std::deque<std::string> unescaped_;  // of this record
  std::array<Shape, kShapes> shapes_;  // those met last
  size_t shapes_known_ = 0, shape_ = 0, next_shape_ = 0;
  Refusal refusal_ = Refusal::kXML_MALFORMED;
  std::string detail_;
};

}  // namespace smki::repository
