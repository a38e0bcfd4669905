// CS02a Provide Security Credential Details: asks a Device what its Trust Anchor Cells hold (GBCS.md 5.3). The answer
// usually carries only an ACB MAC, so to us it is a report by the Access Control Broker, not proof (I6).
#pragma once

#include <array>
#include <optional>
#include <vector>

#include "gbcs/credentials.h"

namespace smki::gbcs {

struct CredentialDetailsCommand {
  TrustAnchorCell authorising_cell;
  std::vector<Role> roles;
  DerLengths lengths = DerLengths::kMinimal;
  friend bool operator==(const CredentialDetailsCommand&, const CredentialDetailsCommand&) = default;
};

struct CellContents {
  KeyUsage key_usage = KeyUsage::kDigitalSignature;
  CellUsage cell_usage = CellUsage::kManagement;
  Eui64 eui;  // zero for root
  std::array<uint8_t, 8> ski{};
  friend bool operator==(const CellContents&, const CellContents&) = default;
};
struct HeldCredentials {
  uint64_t current_seq_number = 0;
  std::vector<CellContents> cells;
  friend bool operator==(const HeldCredentials&, const HeldCredentials&) = default;
};
struct RoleDetails {
  Role role = Role::kRoot;
  StatusCode status = StatusCode::kSuccess;
  std::optional<HeldCredentials> held;  // absent when the role has no cell on the Device
  friend bool operator==(const RoleDetails&, const RoleDetails&) = default;
};
struct CredentialDetailsResponse {
  std::vector<RoleDetails> roles;
  DerLengths lengths = DerLengths::kMinimal;
  friend bool operator==(const CredentialDetailsResponse&, const CredentialDetailsResponse&) = default;
};

inline constexpr size_t kMaxRoles = 16;  // and as many cells in each

// The same contract as the payloads of credentials.h.
StatusOr<CredentialDetailsCommand> ParseCredentialDetailsCommand(ByteSpan octets);
Bytes EncodeCredentialDetailsCommand(const CredentialDetailsCommand& command);
StatusOr<CredentialDetailsResponse> ParseCredentialDetailsResponse(ByteSpan octets);
Bytes EncodeCredentialDetailsResponse(const CredentialDetailsResponse& response);

}  // namespace smki::gbcs
