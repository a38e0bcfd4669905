#include "gbcs/describe.h"

#include <algorithm>

#include "base/wire.h"
#include "gbcs/fields.h"
#include "gbcs/frame.h"

namespace smki::gbcs {
namespace {

std::string Name(Cra cra) {
  return cra == Cra::kCommand ? "command" : cra == Cra::kResponse ? "response" : "alert";
}

std::string UseCase(uint16_t code) {
  if (code == kCs02aCode) return "CS02a Provide Security Credential Details";
  if (code == kFutureDatedAlertCode) return "Future Dated Execution Of Instruction";
  const std::optional<Mode> mode = ModeOfMessageCode(code);
  if (!mode) return "";
  // GBCS.md 1.3: the load controller modes are a use case of their own.
  return *mode >= Mode::kLoadControllerByLoadController ? "CS02g Update Security Credentials"
                                                        : "CS02b Update Security Credentials";
}

std::string MessageCodeWords(uint16_t code) {
  const std::optional<Mode> mode = ModeOfMessageCode(code);
  const std::string words = mode ? gbcs::Name(*mode) : UseCase(code);
  return fmt::format("0x{:04X} {}", code, words.empty() ? "(not known here)" : words);
}

// DLMS date-time: year, month, day, day of week, hour, minute, second, hundredths, deviation, clock status.
std::string DateTimeWords(ByteSpan d) {
  if (d.empty()) return "none";
  return fmt::format("{:04}-{:02}-{:02} {:02}:{:02}:{:02}", d[0] << 8 | d[1], d[2], d[3], d[5], d[6], d[7]);
}

std::string Octets(size_t count) {
  return fmt::format("{} octet{}", count, count == 1 ? "" : "s");
}

Described GroupingHeader(const Frame& frame, size_t total) {
  const Message& m = frame.message;
  const size_t at = frame.header;
  const size_t end = frame.payload != 0 ? frame.payload : std::min(total, frame.content_length + 1);
  Described out{"Grouping Header", "", at, end - at, {}};
  const auto add = [&out](const char* name, const std::string& value, size_t offset, size_t size) {
    out.parts.push_back({name, value, offset, size, {}});
  };
  add("CRA Flag", Name(m.cra), at + 2, 1);
  add("Originator Counter", fmt::format("{}", m.originator_counter), at + 3, 8);
  add("Business Originator ID", m.originator.ToString(), at + 11, 9);
  add("Business Target ID", m.recipient.ToString(), at + 20, 9);
  add("Date Time", DateTimeWords(m.date_time), frame.date_time, 1 + m.date_time.size());
  size_t offset = frame.other_information + 1;
  add("Message Code", MessageCodeWords(m.message_code), offset, 2);
  offset += 2;
  static constexpr const char* kSupplementary[] = {
      "Supplementary Remote Party ID", "Supplementary Remote Party Counter", "Supplementary Originator Counter"};
  for (size_t i = 0; i * 8 < m.supplementary.size(); ++i) {
    const Eui64 value = *Eui64::FromBytes(ByteSpan(m.supplementary).subspan(i * 8, 8));
    add(kSupplementary[i], i == 0 ? value.ToString() : fmt::format("{}", value.value()), offset, 8);
    offset += 8;
  }
  if (frame.payload != 0) {
    add("Payload Length", Octets(m.payload.size()), frame.content_length, frame.payload - frame.content_length);
  }
  return out;
}

// Reads the payload that the Message Code and the CRA Flag announce.
Status ReadPayload(const Message& m, size_t base, Described& node) {
  const bool credentials = ModeOfMessageCode(m.message_code).has_value();
  switch (m.cra) {
    case Cra::kCommand:
      if (credentials) return ReadCommandPayload(m.payload, base, &node).status();
      if (m.message_code == kCs02aCode) return ReadCredentialDetailsCommand(m.payload, base, &node).status();
      break;
    case Cra::kResponse:
      if (credentials) return ReadResponsePayload(m.payload, base, &node).status();
      if (m.message_code == kCs02aCode) return ReadCredentialDetailsResponse(m.payload, base, &node).status();
      break;
    case Cra::kAlert:
      if (m.message_code == kFutureDatedAlertCode) return ReadAlertPayload(m.payload, base, &node).status();
      break;
  }
  return InvalidArgument("no payload is known here for a {} with Message Code 0x{:04X}", Name(m.cra), m.message_code);
}

Described Payload(const Frame& frame) {
  const Bytes& octets = frame.message.payload;
  Described read{"Payload", "", frame.payload, octets.size(), {}};
  const Status status = ReadPayload(frame.message, frame.payload, read);
  // The payload is one value, and that value is the payload.
  if (status.ok()) return std::move(read.parts.front());
  read.value = "not understood: " + smki::Message(status);
  read.parts.push_back({"octets", ToHex(octets), frame.payload, octets.size(), {}});
  return read;
}

Described SignaturePart(const Frame& frame) {
  const Message& m = frame.message;
  if (!m.signature) return {"Signature", "none", frame.signature, 1, {}};
  const std::string signer = m.cra == Cra::kCommand ? "by the Known Remote Party " : "by the Device ";
  Described out{"Signature", signer + m.originator.ToString() + " (not checked here)", frame.signature, 65, {}};
  const ByteSpan octets = *m.signature;
  out.parts.push_back({"r", ToHex(octets.first(32)), frame.signature + 1, 32, {}});
  out.parts.push_back({"s", ToHex(octets.last(32)), frame.signature + 33, 32, {}});
  return out;
}

void Flatten(const Described& node, int depth, std::vector<std::pair<int, const Described*>>& out) {
  out.emplace_back(depth, &node);
  for (const Described& part : node.parts) Flatten(part, depth + 1, out);
}

constexpr int kIndent = 2;
constexpr size_t kLineOfHex = 64;

}  // namespace

StatusOr<Described> Describe(ByteSpan octets) {
  Frame frame;
  const Status status = ReadFrame(octets, frame);
  if (frame.content_length == 0) return WithContext(status, "this is no GBCS message");
  const Message& m = frame.message;

  const std::string use_case = UseCase(m.message_code);
  Described out{use_case.empty() ? fmt::format("GBCS {}", Name(m.cra)) : fmt::format("{} {}", use_case, Name(m.cra)),
                "",
                0,
                octets.size(),
                {}};
  out.value = fmt::format("{} from {} to {}", Octets(octets.size()), m.originator.ToString(), m.recipient.ToString());
  if (frame.header != 0) out.parts.push_back({"MAC Header", "the message carries an ACB-SMD MAC", 0, frame.header, {}});
  out.parts.push_back(GroupingHeader(frame, octets.size()));
  size_t reached = frame.content_length;
  if (frame.payload != 0) {
    out.parts.push_back(Payload(frame));
    reached = frame.payload + m.payload.size();
  }
  if (frame.signature != 0) {
    out.parts.push_back(SignaturePart(frame));
    reached = frame.signature + 1 + (m.signature ? m.signature->size() : 0);
  }
  if (m.mac) out.parts.push_back({"ACB-SMD MAC", ToHex(*m.mac) + " (not checked here)", frame.mac, m.mac->size(), {}});
  if (!status.ok()) {
    Described rest{kNotUnderstood, smki::Message(status), reached, octets.size() - reached, {}};
    if (rest.size != 0) rest.parts.push_back({"octets", ToHex(octets.subspan(reached)), reached, rest.size, {}});
    out.parts.push_back(std::move(rest));
  }
  return out;
}

std::string ToText(const Described& described, bool colour) {
  std::vector<std::pair<int, const Described*>> lines;
  Flatten(described, 0, lines);
  size_t name_width = 0;
  for (const auto& [depth, node] : lines) {
    if (depth > 0 && !node->value.empty()) name_width = std::max(name_width, depth * kIndent + node->name.size());
  }
  const char* const dim = colour ? "\x1b[2m" : "";
  const char* const bold = colour ? "\x1b[1m" : "";
  const char* const plain = colour ? "\x1b[0m" : "";

  std::string out = fmt::format("{}{}{}\n{}\n\n{}{:>6} {:>6}  field{}\n", bold, described.name, plain, described.value,
                                dim, "octet", "size", plain);
  for (const auto& [depth, node] : lines) {
    if (depth == 0) continue;
    if (depth == 1 && !node->parts.empty() && node != &described.parts.front()) out += "\n";
    const std::string name = std::string((depth - 1) * kIndent, ' ') + node->name;
    out += fmt::format("{}{:>6} {:>6}{}  ", dim, node->offset, node->size, plain);
    // Long hexadecimal goes on below itself; words stay on one line.
    const bool wrap = node->value.find(' ') == std::string::npos;
    const size_t first = wrap ? kLineOfHex : std::string::npos;
    out += node->value.empty() ? name : fmt::format("{:<{}}  {}", name, name_width, node->value.substr(0, first));
    out += '\n';
    for (size_t at = kLineOfHex; wrap && at < node->value.size(); at += kLineOfHex) {
      out += fmt::format("{:{}}{}\n", "", 15 + name_width + 2, node->value.substr(at, kLineOfHex));
    }
  }
  return out;
}

}  // namespace smki::gbcs
