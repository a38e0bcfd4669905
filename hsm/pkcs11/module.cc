#include "hsm/pkcs11/module.h"

#include <dlfcn.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>

#include "hsm/pkcs11/functions.h"
#include "hsm/pkcs11/result.h"

namespace smki::hsm::pkcs11 {
namespace {

constexpr CK_ULONG kMaxSlots = 256;

std::atomic<bool> module_in_use{false};

// PKCS#11 2.40 section 2.2: fixed fields are padded with blanks.
template <size_t N>
std::string Trimmed(const CK_UTF8CHAR (&padded)[N]) {
  std::string out(reinterpret_cast<const char*>(padded), N);
  out.erase(out.find_last_not_of(' ') + 1);
  return out;
}

bool Fits(const std::string& wanted, const std::string& found) {
  return wanted.empty() || wanted == found;
}

StatusOr<std::vector<CK_SLOT_ID>> ListSlots(const Module::Functions& f) {
  CK_ULONG count = 0;
  SMKI_RETURN_IF_ERROR(FromResult(f.list->C_GetSlotList(CK_TRUE, nullptr, &count), "C_GetSlotList", f.library));
  if (count > kMaxSlots) return Internal("{}: {} slots; at most {} are expected", f.library, count, kMaxSlots);
  std::vector<CK_SLOT_ID> slots(count);
  SMKI_RETURN_IF_ERROR(FromResult(f.list->C_GetSlotList(CK_TRUE, slots.data(), &count), "C_GetSlotList", f.library));
  slots.resize(count);
  return slots;
}

}  // namespace

StatusOr<std::shared_ptr<Module>> Module::Load(const std::string& library, const std::string& softhsm_config) {
  if (module_in_use.exchange(true)) {
    return FailedPrecondition("{}: this process already uses a PKCS#11 module; one process opens one", library);
  }
  // The destructor of a Module gives the permission back.
  std::shared_ptr<Module> module(new Module());
  if (!softhsm_config.empty() && ::setenv("SOFTHSM2_CONF", softhsm_config.c_str(), 1) != 0) {
    return Internal("SOFTHSM2_CONF cannot be set to {}", softhsm_config);
  }
  // Never unloaded: libraries of HSMs leave threads and exit handlers behind.
  void* handle = ::dlopen(library.c_str(), RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
  if (handle == nullptr) return NotFound("PKCS#11 module {} cannot be loaded: {}", library, ::dlerror());
  const auto get_list = reinterpret_cast<CK_C_GetFunctionList>(::dlsym(handle, "C_GetFunctionList"));
  if (get_list == nullptr) return InvalidArgument("{} is no PKCS#11 module: it has no C_GetFunctionList", library);
  module->functions_ = std::make_unique<Functions>();
  module->functions_->library = library;
  SMKI_RETURN_IF_ERROR(FromResult(get_list(&module->functions_->list), "C_GetFunctionList", library));
  CK_C_INITIALIZE_ARGS arguments{};
  arguments.flags = CKF_OS_LOCKING_OK;
  const std::string about = softhsm_config.empty() ? library : library + " with " + softhsm_config;
  SMKI_RETURN_IF_ERROR(FromResult(module->functions().list->C_Initialize(&arguments), "C_Initialize", about));
  module->initialised_ = true;
  return module;
}

Module::~Module() {
  if (initialised_) functions().list->C_Finalize(nullptr);
  module_in_use = false;
}

StatusOr<Slot> Module::FindToken(const TokenUri& uri) {
  SMKI_ASSIGN_OR_RETURN(const std::vector<CK_SLOT_ID> slots, ListSlots(functions()));
  std::vector<CK_SLOT_ID> found;
  for (const CK_SLOT_ID slot : slots) {
    CK_TOKEN_INFO info{};
    if (functions().list->C_GetTokenInfo(slot, &info) != CKR_OK || (info.flags & CKF_TOKEN_INITIALIZED) == 0) continue;
    if (Trimmed(info.label) == uri.token && Fits(uri.serial, Trimmed(info.serialNumber)) &&
        Fits(uri.model, Trimmed(info.model)) && Fits(uri.manufacturer, Trimmed(info.manufacturerID))) {
      found.push_back(slot);
    }
  }
  if (found.empty()) {
    return NotFound("no token '{}' is connected to {}; check the site file's pkcs11 section and the token", uri.token,
                    functions().library);
  }
  if (found.size() > 1) {
    return FailedPrecondition("{} tokens are labelled '{}'; add serial=... to its URI", found.size(), uri.token);
  }
  return Slot(shared_from_this(), found[0], uri.token);
}

StatusOr<Slot> Module::InitToken(const std::string& label, const Secret& so_pin) {
  if (label.empty() || label.size() > 32)
    return InvalidArgument("token label '{}': 1 to 32 octets are expected", label);
  TokenUri uri;
  uri.token = label;
  if (FindToken(uri).status().code() != StatusCode::kNotFound) {
    return FailedPrecondition("a token '{}' exists already; it is not made again", label);
  }
  SMKI_ASSIGN_OR_RETURN(const std::vector<CK_SLOT_ID> slots, ListSlots(functions()));
  for (const CK_SLOT_ID slot : slots) {
    CK_TOKEN_INFO info{};
    if (functions().list->C_GetTokenInfo(slot, &info) != CKR_OK || (info.flags & CKF_TOKEN_INITIALIZED) != 0) continue;
    CK_UTF8CHAR padded[32];
    std::fill(std::begin(padded), std::end(padded), ' ');
    std::copy(label.begin(), label.end(), padded);
    const CK_RV result =
        functions().list->C_InitToken(slot, const_cast<CK_UTF8CHAR*>(so_pin.span().data()), so_pin.size(), padded);
    SMKI_RETURN_IF_ERROR(FromResult(result, "C_InitToken", "token '" + label + "'"));
    // A library may give an initialised token another slot number.
    return FindToken(uri);
  }
  return FailedPrecondition("{} has no slot with an uninitialised token for '{}'", functions().library, label);
}

StatusOr<std::unique_ptr<Session>> Slot::OpenSession(Access access) const {
  CK_SESSION_HANDLE handle = 0;
  const CK_FLAGS flags = CKF_SERIAL_SESSION | (access == Access::kReadWrite ? CKF_RW_SESSION : 0);
  SMKI_RETURN_IF_ERROR(FromResult(module_->functions().list->C_OpenSession(id_, flags, nullptr, nullptr, &handle),
                                  "C_OpenSession", "token '" + label_ + "'"));
  return std::unique_ptr<Session>(new Session(module_, handle));
}

StatusOr<std::unique_ptr<TokenSigner>> TokenSigner::Open(const Slot& slot, const Secret& pin,
                                                         const std::string& key_label) {
  SMKI_ASSIGN_OR_RETURN(std::unique_ptr<Session> session, slot.OpenSession(Access::kReadOnly));
  SMKI_RETURN_IF_ERROR(session->Login(pin));
  SMKI_ASSIGN_OR_RETURN(pki::PublicKey public_key, session->ReadPublicKey(key_label));
  SMKI_ASSIGN_OR_RETURN(const Object token_key, session->FindPrivateKey(key_label));
  SMKI_ASSIGN_OR_RETURN(const Object key, session->CopyToSession(token_key));
  return std::unique_ptr<TokenSigner>(new TokenSigner(std::move(session), key, std::move(public_key)));
}

std::string SoftHsmConfig(const std::string& token_directory) {
  return fmt::format(
      "directories.tokendir = {}\nobjectstore.backend = file\nlog.level = ERROR\nslots.removable = false\n",
      token_directory);
}

}  // namespace smki::hsm::pkcs11
