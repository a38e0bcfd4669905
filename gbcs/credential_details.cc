#include "gbcs/credential_details.h"

#include "gbcs/fields.h"

namespace smki::gbcs {
namespace {

Status ReadHeld(Fields& in, RoleDetails& role) {
  HeldCredentials& held = role.held.emplace();
  SMKI_ASSIGN_OR_RETURN(held.current_seq_number, in.Unsigned("currentSeqNumber"));
  SMKI_ASSIGN_OR_RETURN(Fields list, in.Enter("trustAnchorCellsDetails"));
  return list.Each(kMaxRoles, [&](Fields& elements) -> Status {
    SMKI_ASSIGN_OR_RETURN(Fields fields, elements.Enter("TrustAnchorCellContents"));
    CellContents& cell = held.cells.emplace_back();
    SMKI_ASSIGN_OR_RETURN(cell.key_usage, fields.Usage("keyUsage"));
    SMKI_ASSIGN_OR_RETURN(cell.cell_usage, fields.CellUsageOrDefault("cellUsage"));
    SMKI_ASSIGN_OR_RETURN(cell.eui, fields.Eui("subjectUniqueID"));
    SMKI_ASSIGN_OR_RETURN(cell.ski, fields.KeyIdentifier("subjectKeyIdentifier"));
    SMKI_RETURN_IF_ERROR(fields.Finish());
    fields.Say([&] { return TrustAnchorCell{role.role, cell.key_usage, cell.cell_usage}.ToString(); });
    return OkStatus();
  });
}

}  // namespace

StatusOr<CredentialDetailsCommand> ReadCredentialDetailsCommand(ByteSpan octets, size_t base, Described* node) {
  std::optional<DerLengths> lengths;
  Fields top(octets, base, &lengths, node);
  CredentialDetailsCommand out;
  SMKI_ASSIGN_OR_RETURN(Fields in, top.Enter("CommandPayload"));
  SMKI_ASSIGN_OR_RETURN(out.authorising_cell, in.Cell("authorisingRemotePartyTACellIdentifier"));
  SMKI_ASSIGN_OR_RETURN(Fields list, in.Enter("remotePartyRolesCredentialsRequired"));
  SMKI_RETURN_IF_ERROR(list.Each(kMaxRoles, [&out](Fields& elements) -> Status {
    SMKI_ASSIGN_OR_RETURN(out.roles.emplace_back(), elements.Named<Role>("RemotePartyRole"));
    return OkStatus();
  }));
  SMKI_RETURN_IF_ERROR(in.Finish());
  SMKI_RETURN_IF_ERROR(top.Finish());
  out.lengths = lengths.value_or(DerLengths::kMinimal);
  return out;
}

StatusOr<CredentialDetailsResponse> ReadCredentialDetailsResponse(ByteSpan octets, size_t base, Described* node) {
  std::optional<DerLengths> lengths;
  Fields top(octets, base, &lengths, node);
  CredentialDetailsResponse out;
  SMKI_ASSIGN_OR_RETURN(Fields list, top.Enter("ResponsePayload"));
  SMKI_RETURN_IF_ERROR(list.Each(kMaxRoles, [&out](Fields& elements) -> Status {
    SMKI_ASSIGN_OR_RETURN(Fields fields, elements.Enter("RemotePartyDetails"));
    RoleDetails& role = out.roles.emplace_back();
    SMKI_ASSIGN_OR_RETURN(role.role, fields.Named<Role>("remotePartyRole"));
    SMKI_ASSIGN_OR_RETURN(role.status, fields.Named<StatusCode>("statusCode", der::kEnumerated));
    if (!fields.at_end()) SMKI_RETURN_IF_ERROR(ReadHeld(fields, role));
    SMKI_RETURN_IF_ERROR(fields.Finish());
    fields.Say([&] { return fmt::format("{}: {}", Name(role.role), Name(role.status)); });
    return OkStatus();
  }));
  SMKI_RETURN_IF_ERROR(top.Finish());
  out.lengths = lengths.value_or(DerLengths::kMinimal);
  return out;
}

StatusOr<CredentialDetailsCommand> ParseCredentialDetailsCommand(ByteSpan octets) {
  return ReadCredentialDetailsCommand(octets, 0, nullptr);
}
StatusOr<CredentialDetailsResponse> ParseCredentialDetailsResponse(ByteSpan octets) {
  return ReadCredentialDetailsResponse(octets, 0, nullptr);
}

Bytes EncodeCredentialDetailsCommand(const CredentialDetailsCommand& command) {
  DerWriter fields(command.lengths);
  WriteCell(fields, command.authorising_cell, der::kSequence);
  DerWriter roles;
  for (const Role role : command.roles) roles.Unsigned(static_cast<uint64_t>(role));
  fields.Wrap(der::kSequence, roles);
  DerWriter out(command.lengths);
  out.Wrap(der::kSequence, fields);
  return out.Take();
}

Bytes EncodeCredentialDetailsResponse(const CredentialDetailsResponse& response) {
  DerWriter roles(response.lengths);
  for (const RoleDetails& role : response.roles) {
    DerWriter fields(response.lengths);
    fields.Unsigned(static_cast<uint64_t>(role.role));
    fields.Unsigned(static_cast<uint64_t>(role.status), der::kEnumerated);
    if (role.held) {
      fields.Unsigned(role.held->current_seq_number);
      DerWriter cells(response.lengths);
      for (const CellContents& cell : role.held->cells) {
        DerWriter parts;
        WriteUsage(parts, cell.key_usage, cell.cell_usage);
        parts.Value(der::kOctetString, cell.eui.bytes());
        parts.Value(der::kOctetString, cell.ski);
        cells.Wrap(der::kSequence, parts);
      }
      fields.Wrap(der::kSequence, cells);
    }
    roles.Wrap(der::kSequence, fields);
  }
  DerWriter out(response.lengths);
  out.Wrap(der::kSequence, roles);
  return out.Take();
}

}  // namespace smki::gbcs
