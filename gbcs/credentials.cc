#include "gbcs/credentials.h"

#include <algorithm>

#include "gbcs/fields.h"

namespace smki::gbcs {
namespace {

constexpr uint8_t kPlaintextSymmetricKey = der::Context(0, false);
constexpr uint8_t kApplyTimeBasedCpvChecks = der::Context(1, false);
constexpr uint8_t kAuthorisingCell = der::Context(2, true);
constexpr uint8_t kSeqNumber = der::Context(3, false);
constexpr uint8_t kNewFloor = der::Context(4, false);
constexpr uint8_t kNewSpecialistFloors = der::Context(5, true);
constexpr uint8_t kOtherChanges = der::Context(6, true);
constexpr uint64_t kDisapply = 1;

std::string Count(size_t count, const char* one, const char* many) {
  return fmt::format("{} {}", count, count == 1 ? one : many);
}

std::string Words(const std::vector<SpecialistSeqNumber>& numbers) {
  std::string out;
  for (const SpecialistSeqNumber& one : numbers) {
    const std::string usage = one.usage == 0 ? "prepaymentTopUp" : fmt::format("usage {}", one.usage);
    out += fmt::format("{}{} {}", out.empty() ? "" : ", ", usage, one.seq_number);
  }
  return out;
}

// --- Reading, GBCS.md 1.1 to 1.7. ---

StatusOr<std::vector<SpecialistSeqNumber>> ReadSpecialists(Fields& in, const char* name, uint8_t tag) {
  SMKI_ASSIGN_OR_RETURN(Fields list, in.Enter(name, tag));
  std::vector<SpecialistSeqNumber> out;
  SMKI_RETURN_IF_ERROR(list.Each(kMaxSeqNumberChanges, [&out](Fields& elements) -> Status {
    SMKI_ASSIGN_OR_RETURN(Fields fields, elements.Enter("SpecialistSeqNumber"));
    SpecialistSeqNumber& one = out.emplace_back();
    SMKI_ASSIGN_OR_RETURN(one.usage, fields.Unsigned("seqNumberUsage"));
    SMKI_ASSIGN_OR_RETURN(one.seq_number, fields.Unsigned("seqNumber"));
    return fields.Finish();
  }));
  list.SayInsteadOfParts([&] { return Words(out); });
  return out;
}

StatusOr<std::vector<SeqNumberChange>> ReadChanges(Fields& in, const char* name, uint8_t tag) {
  SMKI_ASSIGN_OR_RETURN(Fields list, in.Enter(name, tag));
  std::vector<SeqNumberChange> out;
  SMKI_RETURN_IF_ERROR(list.Each(kMaxSeqNumberChanges, [&out](Fields& elements) -> Status {
    SMKI_ASSIGN_OR_RETURN(Fields fields, elements.Enter("RemotePartySeqNumberChange"));
    SeqNumberChange& one = out.emplace_back();
    SMKI_ASSIGN_OR_RETURN(one.role, fields.Named<Role>("remotePartyRole"));
    SMKI_ASSIGN_OR_RETURN(one.floor, fields.Unsigned("floorSeqNumber"));
    if (fields.NextIs(der::kSequence)) {
      const size_t offset = fields.offset();
      SMKI_ASSIGN_OR_RETURN(one.specialist, ReadSpecialists(fields, "specialistFloorSeqNumber", der::kSequence));
      if (one.specialist.empty()) {
        return InvalidArgument("DER at octet {}: specialistFloorSeqNumber is empty; it is left out instead", offset);
      }
    }
    SMKI_RETURN_IF_ERROR(fields.Finish());
    fields.SayInsteadOfParts([&] {
      return fmt::format("{} {}{}{}", Name(one.role), one.floor, one.specialist.empty() ? "" : ", ",
                         Words(one.specialist));
    });
    return OkStatus();
  }));
  list.Say([&] { return Count(out.size(), "role", "roles"); });
  return out;
}

Status ReadControl(Fields& in, CommandPayload& out) {
  SMKI_ASSIGN_OR_RETURN(Fields control, in.Enter("authorisingRemotePartyControl"));
  SMKI_ASSIGN_OR_RETURN(out.mode, control.Named<Mode>("credentialsReplacementMode"));
  if (control.NextIs(kPlaintextSymmetricKey)) {
    SMKI_ASSIGN_OR_RETURN(const ByteSpan key,
                          control.Octets("plaintextSymmetricKey", kPlaintextSymmetricKey, 1, kMaxSymmetricKey));
    out.plaintext_symmetric_key = ToBytes(key);
    control.Note([&] { return fmt::format("{} octets, secret until the command is sent", key.size()); });
  }
  if (control.NextIs(kApplyTimeBasedCpvChecks)) {
    const size_t offset = control.offset();
    SMKI_ASSIGN_OR_RETURN(const uint64_t value, control.Unsigned("applyTimeBasedCPVChecks", kApplyTimeBasedCpvChecks));
    if (value != kDisapply) {
      return InvalidArgument(
          "DER at octet {}: applyTimeBasedCPVChecks is {}; only disapply (1) is written, apply is the DEFAULT", offset,
          value);
    }
    out.disapply_time_checks = true;
    control.Note([] { return "disapply"; });
  }
  if (control.NextIs(kAuthorisingCell)) {
    SMKI_ASSIGN_OR_RETURN(out.authorising_cell,
                          control.Cell("authorisingRemotePartyTACellIdentifier", kAuthorisingCell));
  }
  SMKI_ASSIGN_OR_RETURN(out.seq_number, control.Unsigned("authorisingRemotePartySeqNumber", kSeqNumber));
  if (control.NextIs(kNewFloor)) {
    SMKI_ASSIGN_OR_RETURN(out.new_floor, control.Unsigned("newRemotePartyFloorSeqNumber", kNewFloor));
  }
  if (control.NextIs(kNewSpecialistFloors)) {
    SMKI_ASSIGN_OR_RETURN(out.new_specialist_floors,
                          ReadSpecialists(control, "newRemotePartySpecialistFloorSeqNumber", kNewSpecialistFloors));
  }
  if (control.NextIs(kOtherChanges)) {
    SMKI_ASSIGN_OR_RETURN(out.other_changes, ReadChanges(control, "otherRemotePartySeqNumberChanges", kOtherChanges));
  }
  return control.Finish();
}

StatusOr<ExecutionOutcome> ReadOutcome(Fields& in) {
  SMKI_ASSIGN_OR_RETURN(Fields fields, in.Enter("executionOutcome"));
  ExecutionOutcome out;
  SMKI_ASSIGN_OR_RETURN(out.seq_number, fields.Unsigned("authorisingRemotePartySeqNumber"));
  SMKI_ASSIGN_OR_RETURN(out.mode, fields.Named<Mode>("credentialsReplacementMode"));
  SMKI_ASSIGN_OR_RETURN(out.changes, ReadChanges(fields, "remotePartySeqNumberChanges", der::kSequence));
  SMKI_ASSIGN_OR_RETURN(Fields list, fields.Enter("replacementOutcomes"));
  SMKI_RETURN_IF_ERROR(list.Each(kMaxReplacements, [&out](Fields& elements) -> Status {
    SMKI_ASSIGN_OR_RETURN(Fields one, elements.Enter("ReplacementOutcome"));
    ReplacementOutcome& outcome = out.outcomes.emplace_back();
    SMKI_ASSIGN_OR_RETURN(outcome.cell, one.Cell("affectedTrustAnchorCell"));
    SMKI_ASSIGN_OR_RETURN(outcome.status, one.Named<StatusCode>("statusCode", der::kEnumerated));
    SMKI_ASSIGN_OR_RETURN(outcome.existing_eui, one.Eui("existingSubjectUniqueID"));
    SMKI_ASSIGN_OR_RETURN(outcome.existing_ski, one.KeyIdentifier("existingSubjectKeyIdentifier"));
    SMKI_ASSIGN_OR_RETURN(outcome.replacing_eui, one.Eui("replacingSubjectUniqueID"));
    SMKI_ASSIGN_OR_RETURN(outcome.replacing_ski, one.KeyIdentifier("replacingSubjectKeyIdentifier"));
    SMKI_RETURN_IF_ERROR(one.Finish());
    one.Say([&] { return fmt::format("{}: {}", outcome.cell.ToString(), Name(outcome.status)); });
    return OkStatus();
  }));
  list.Say([&] {
    const auto succeeded = std::count_if(out.outcomes.begin(), out.outcomes.end(),
                                         [](const ReplacementOutcome& o) { return o.status == StatusCode::kSuccess; });
    return fmt::format("{} of {} succeeded", succeeded, Count(out.outcomes.size(), "cell", "cells"));
  });
  SMKI_RETURN_IF_ERROR(fields.Finish());
  return out;
}

// --- Writing. ---

void WriteSpecialists(DerWriter& out, const std::vector<SpecialistSeqNumber>& numbers, uint8_t tag,
                      DerLengths lengths) {
  DerWriter list(lengths);
  for (const SpecialistSeqNumber& one : numbers) {
    DerWriter fields;
    fields.Unsigned(one.usage);
    fields.Unsigned(one.seq_number);
    list.Wrap(der::kSequence, fields);
  }
  out.Wrap(tag, list);
}

void WriteChanges(DerWriter& out, const std::vector<SeqNumberChange>& changes, uint8_t tag, DerLengths lengths) {
  DerWriter list(lengths);
  for (const SeqNumberChange& one : changes) {
    DerWriter fields(lengths);
    fields.Unsigned(static_cast<uint64_t>(one.role));
    fields.Unsigned(one.floor);
    if (!one.specialist.empty()) WriteSpecialists(fields, one.specialist, der::kSequence, lengths);
    list.Wrap(der::kSequence, fields);
  }
  out.Wrap(tag, list);
}

void WriteControl(DerWriter& out, const CommandPayload& payload) {
  DerWriter control(payload.lengths);
  control.Unsigned(static_cast<uint64_t>(payload.mode));
  if (payload.plaintext_symmetric_key) control.Value(kPlaintextSymmetricKey, *payload.plaintext_symmetric_key);
  if (payload.disapply_time_checks) control.Unsigned(kDisapply, kApplyTimeBasedCpvChecks);
  if (payload.authorising_cell) WriteCell(control, *payload.authorising_cell, kAuthorisingCell);
  control.Unsigned(payload.seq_number, kSeqNumber);
  if (payload.new_floor) control.Unsigned(*payload.new_floor, kNewFloor);
  if (payload.new_specialist_floors) {
    WriteSpecialists(control, *payload.new_specialist_floors, kNewSpecialistFloors, payload.lengths);
  }
  if (payload.other_changes) WriteChanges(control, *payload.other_changes, kOtherChanges, payload.lengths);
  out.Wrap(der::kSequence, control);
}

void WriteOutcome(DerWriter& out, const ExecutionOutcome& outcome, DerLengths lengths) {
  DerWriter fields(lengths);
  fields.Unsigned(outcome.seq_number);
  fields.Unsigned(static_cast<uint64_t>(outcome.mode));
  WriteChanges(fields, outcome.changes, der::kSequence, lengths);
  DerWriter list(lengths);
  for (const ReplacementOutcome& one : outcome.outcomes) {
    DerWriter parts;
    WriteCell(parts, one.cell, der::kSequence);
    parts.Unsigned(static_cast<uint64_t>(one.status), der::kEnumerated);
    parts.Value(der::kOctetString, one.existing_eui.bytes());
    parts.Value(der::kOctetString, one.existing_ski);
    parts.Value(der::kOctetString, one.replacing_eui.bytes());
    parts.Value(der::kOctetString, one.replacing_ski);
    list.Wrap(der::kSequence, parts);
  }
  fields.Wrap(der::kSequence, list);
  out.Wrap(der::kSequence, fields);
}

}  // namespace

void WriteUsage(DerWriter& out, KeyUsage key_usage, CellUsage cell_usage) {
  const int bit = static_cast<int>(key_usage);
  const uint8_t bits[2] = {static_cast<uint8_t>(7 - bit), static_cast<uint8_t>(0x80 >> bit)};
  out.Value(der::kBitString, bits);
  if (cell_usage != CellUsage::kManagement) out.Unsigned(static_cast<uint64_t>(cell_usage));
}

void WriteCell(DerWriter& out, const TrustAnchorCell& cell, uint8_t tag) {
  DerWriter fields;
  fields.Unsigned(static_cast<uint64_t>(cell.role));
  WriteUsage(fields, cell.key_usage, cell.cell_usage);
  out.Wrap(tag, fields);
}

StatusOr<CommandPayload> ReadCommandPayload(ByteSpan octets, size_t base, Described* node) {
  std::optional<DerLengths> lengths;
  Fields top(octets, base, &lengths, node);
  CommandPayload out;
  SMKI_ASSIGN_OR_RETURN(Fields in, top.Enter("CommandPayload"));
  SMKI_RETURN_IF_ERROR(ReadControl(in, out));
  {
    SMKI_ASSIGN_OR_RETURN(Fields list, in.Enter("replacements"));
    SMKI_RETURN_IF_ERROR(list.Each(kMaxReplacements, [&out](Fields& elements) -> Status {
      SMKI_ASSIGN_OR_RETURN(Fields one, elements.EnterCertificates("TrustAnchorReplacement"));
      Replacement& replacement = out.replacements.emplace_back();
      SMKI_ASSIGN_OR_RETURN(replacement.certificate, one.Certificate("replacementCertificate"));
      SMKI_ASSIGN_OR_RETURN(replacement.cell, one.Cell("targetTrustAnchorCell"));
      SMKI_RETURN_IF_ERROR(one.Finish());
      one.Say([&] { return replacement.cell.ToString(); });
      return OkStatus();
    }));
    list.Say([&] { return Count(out.replacements.size(), "cell", "cells"); });
  }
  {
    SMKI_ASSIGN_OR_RETURN(Fields list, in.EnterCertificates("certificationPathCertificates"));
    SMKI_RETURN_IF_ERROR(list.Each(kMaxPathCertificates, [&out](Fields& elements) -> Status {
      SMKI_ASSIGN_OR_RETURN(out.path_certificates.emplace_back(), elements.Certificate("Certificate"));
      return OkStatus();
    }));
    list.Say([&] { return Count(out.path_certificates.size(), "certificate", "certificates"); });
  }
  if (in.NextIs(der::kGeneralizedTime)) {
    SMKI_ASSIGN_OR_RETURN(out.execution_date_time, in.Time("executionDateTime"));
    if (out.execution_date_time == kCancellation) {
      in.Note([] { return "never: cancels a pending future-dated command"; });
    }
  }
  SMKI_RETURN_IF_ERROR(in.Finish());
  SMKI_RETURN_IF_ERROR(top.Finish());
  out.lengths = lengths.value_or(DerLengths::kMinimal);
  return out;
}

StatusOr<ResponsePayload> ReadResponsePayload(ByteSpan octets, size_t base, Described* node) {
  std::optional<DerLengths> lengths;
  Fields top(octets, base, &lengths, node);
  ResponsePayload out;
  SMKI_ASSIGN_OR_RETURN(Fields in, top.Enter("ResponsePayload"));
  SMKI_RETURN_IF_ERROR(in.Null("commandAccepted"));
  if (in.NextIs(der::kSequence)) {
    SMKI_ASSIGN_OR_RETURN(out.outcome, ReadOutcome(in));
  }
  SMKI_RETURN_IF_ERROR(in.Finish());
  SMKI_RETURN_IF_ERROR(top.Finish());
  out.lengths = lengths.value_or(DerLengths::kMinimal);
  return out;
}

StatusOr<AlertPayload> ReadAlertPayload(ByteSpan octets, size_t base, Described* node) {
  std::optional<DerLengths> lengths;
  Fields top(octets, base, &lengths, node);
  AlertPayload out;
  SMKI_ASSIGN_OR_RETURN(Fields in, top.Enter("AlertPayload"));
  SMKI_ASSIGN_OR_RETURN(out.alert_code, in.Unsigned("alertCode"));
  in.Note([&] {
    return fmt::format("0x{:04X}{}", out.alert_code,
                       out.alert_code == kFutureDatedActioned      ? " future-dated command successfully actioned"
                       : out.alert_code == kFutureDatedNotActioned ? " future-dated command not successfully actioned"
                                                                   : "");
  });
  SMKI_ASSIGN_OR_RETURN(out.execution_date_time, in.Time("executionDateTime"));
  SMKI_ASSIGN_OR_RETURN(out.outcome, ReadOutcome(in));
  SMKI_RETURN_IF_ERROR(in.Finish());
  SMKI_RETURN_IF_ERROR(top.Finish());
  out.lengths = lengths.value_or(DerLengths::kMinimal);
  return out;
}

StatusOr<CommandPayload> ParseCommandPayload(ByteSpan octets) {
  return ReadCommandPayload(octets, 0, nullptr);
}
StatusOr<ResponsePayload> ParseResponsePayload(ByteSpan octets) {
  return ReadResponsePayload(octets, 0, nullptr);
}
StatusOr<AlertPayload> ParseAlertPayload(ByteSpan octets) {
  return ReadAlertPayload(octets, 0, nullptr);
}

Bytes EncodeCommandPayload(const CommandPayload& payload) {
  DerWriter fields(payload.lengths);
  WriteControl(fields, payload);
  DerWriter replacements(payload.lengths);
  for (const Replacement& one : payload.replacements) {
    DerWriter parts;
    parts.Raw(one.certificate);
    WriteCell(parts, one.cell, der::kSequence);
    replacements.Wrap(der::kSequence, parts);
  }
  fields.Wrap(der::kSequence, replacements);
  DerWriter path;
  for (const Bytes& certificate : payload.path_certificates) path.Raw(certificate);
  fields.Wrap(der::kSequence, path);
  if (payload.execution_date_time) fields.Text(der::kGeneralizedTime, *payload.execution_date_time);
  DerWriter out(payload.lengths);
  out.Wrap(der::kSequence, fields);
  return out.Take();
}

Bytes EncodeResponsePayload(const ResponsePayload& payload) {
  DerWriter fields(payload.lengths);
  fields.Value(der::kNull, {});
  if (payload.outcome) WriteOutcome(fields, *payload.outcome, payload.lengths);
  DerWriter out(payload.lengths);
  out.Wrap(der::kSequence, fields);
  return out.Take();
}

Bytes EncodeAlertPayload(const AlertPayload& payload) {
  DerWriter fields(payload.lengths);
  fields.Unsigned(payload.alert_code);
  fields.Text(der::kGeneralizedTime, payload.execution_date_time);
  WriteOutcome(fields, payload.outcome, payload.lengths);
  DerWriter out(payload.lengths);
  out.Wrap(der::kSequence, fields);
  return out.Take();
}

}  // namespace smki::gbcs
