// The words of GBCS and their numbers.
#include "gbcs/credentials.h"

namespace smki::gbcs {
namespace {

template <typename Enum>
struct Word {
  Enum value;
  const char* text;
};

constexpr Word<Role> kRoles[] = {
    {Role::kRoot, "root"},
    {Role::kRecovery, "recovery"},
    {Role::kSupplier, "supplier"},
    {Role::kNetworkOperator, "networkOperator"},
    {Role::kAccessControlBroker, "accessControlBroker"},
    {Role::kTransitionalCos, "transitionalCoS"},
    {Role::kWanProvider, "wanProvider"},
    {Role::kIssuingAuthority, "issuingAuthority"},
    {Role::kLoadController, "loadController"},
    {Role::kOther, "other"},
};
constexpr Word<KeyUsage> kKeyUsages[] = {
    {KeyUsage::kDigitalSignature, "digitalSignature"},
    {KeyUsage::kKeyAgreement, "keyAgreement"},
    {KeyUsage::kKeyCertSign, "keyCertSign"},
    {KeyUsage::kCrlSign, "cRLSign"},
};
constexpr Word<CellUsage> kCellUsages[] = {
    {CellUsage::kManagement, "management"},
    {CellUsage::kPrePaymentTopUp, "prePaymentTopUp"},
};
constexpr Word<Mode> kModes[] = {
    {Mode::kRootBySupplier, "rootBySupplier"},
    {Mode::kRootByWanProvider, "rootByWanProvider"},
    {Mode::kSupplierBySupplier, "supplierBySupplier"},
    {Mode::kNetworkOperatorByNetworkOperator, "networkOperatorByNetworkOperator"},
    {Mode::kAccessControlBrokerByAcb, "accessControlBrokerByACB"},
    {Mode::kWanProviderByWanProvider, "wanProviderByWanProvider"},
    {Mode::kTransCosByTransCos, "transCoSByTransCoS"},
    {Mode::kSupplierByTransCos, "supplierByTransCoS"},
    {Mode::kAnyExceptAbnormalRootByRecovery, "anyExceptAbnormalRootByRecovery"},
    {Mode::kAnyByContingency, "anyByContingency"},
    {Mode::kLoadControllerByLoadController, "loadControllerByLoadController"},
    {Mode::kLoadControllerBySupplier, "loadControllerBySupplier"},
};
constexpr Word<StatusCode> kStatusCodes[] = {
    {StatusCode::kSuccess, "success"},
    {StatusCode::kBadCertificate, "badCertificate"},
    {StatusCode::kNoTrustAnchor, "noTrustAnchor"},
    {StatusCode::kInsufficientMemory, "insufficientMemory"},
    {StatusCode::kContingencyPublicKeyDecrypt, "contingencyPublicKeyDecrypt"},
    {StatusCode::kTrustAnchorNotFound, "trustAnchorNotFound"},
    {StatusCode::kResourcesBusy, "resourcesBusy"},
    {StatusCode::kOther, "other"},
};

template <typename Enum, size_t N>
std::string NameIn(const Word<Enum> (&words)[N], Enum value) {
  for (const Word<Enum>& word : words) {
    if (word.value == value) return word.text;
  }
  return fmt::format("unknown ({})", static_cast<unsigned>(value));
}

template <typename Enum, size_t N>
std::optional<Enum> ValueIn(const Word<Enum> (&words)[N], std::string_view text) {
  for (const Word<Enum>& word : words) {
    if (text == word.text) return word.value;
  }
  return std::nullopt;
}

}  // namespace

std::string Name(Role value) {
  return NameIn(kRoles, value);
}
std::string Name(KeyUsage value) {
  return NameIn(kKeyUsages, value);
}
std::string Name(CellUsage value) {
  return NameIn(kCellUsages, value);
}
std::string Name(Mode value) {
  return NameIn(kModes, value);
}
std::string Name(StatusCode value) {
  return NameIn(kStatusCodes, value);
}

// GBCS.md 1.3: the load controller modes came later and broke the rule "0x0100 + mode".
uint16_t MessageCodeOf(Mode mode) {
  if (mode <= Mode::kAnyByContingency) return static_cast<uint16_t>(0x0100 + static_cast<int>(mode));
  if (mode == Mode::kLoadControllerByLoadController) return 0x0125;
  if (mode == Mode::kLoadControllerBySupplier) return 0x0126;
  return 0;
}

std::optional<Mode> ModeOfMessageCode(uint16_t code) {
  for (const Word<Mode>& word : kModes) {
    if (MessageCodeOf(word.value) == code) return word.value;
  }
  return std::nullopt;
}

std::string TrustAnchorCell::ToString() const {
  std::string out = Name(role) + "/" + Name(key_usage);
  if (cell_usage != CellUsage::kManagement) out += "/" + Name(cell_usage);
  return out;
}

std::optional<TrustAnchorCell> TrustAnchorCell::Parse(std::string_view text) {
  const size_t first = text.find('/');
  if (first == std::string_view::npos) return std::nullopt;
  const size_t second = text.find('/', first + 1);
  const auto role = ValueIn(kRoles, text.substr(0, first));
  const auto usage = ValueIn(kKeyUsages, text.substr(first + 1, second - first - 1));
  if (!role || !usage) return std::nullopt;
  TrustAnchorCell cell{*role, *usage, CellUsage::kManagement};
  if (second != std::string_view::npos) {
    // "management" is never written: one cell, one text.
    if (text.substr(second + 1) != Name(CellUsage::kPrePaymentTopUp)) return std::nullopt;
    cell.cell_usage = CellUsage::kPrePaymentTopUp;
  }
  return cell;
}

}  // namespace smki::gbcs
