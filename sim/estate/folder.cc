#include "sim/estate/folder.h"

#include <filesystem>

#include "base/file.h"

namespace smki::sim {

StatusOr<EstateFolder> EstateFolder::Create(const std::string& path) {
  std::error_code error;
  const std::filesystem::path absolute = std::filesystem::absolute(path, error).lexically_normal();
  if (error) return InvalidArgument("{}: {}", path, error.message());
  std::string root = absolute.string();
  while (root.size() > 1 && root.back() == '/') root.pop_back();
  if (std::filesystem::exists(root, error) && !std::filesystem::is_empty(root, error)) {
    return Error(StatusCode::kAlreadyExists, "{} is not empty; name a new folder for the estate, or remove this one",
                 root);
  }
  SMKI_RETURN_IF_ERROR(PosixFiles().CreateDirectories(root));
  return EstateFolder(root);
}

Status EstateFolder::MakeFolder(const std::string& name) const {
  return PosixFiles().CreateDirectories(Path(name));
}

Status EstateFolder::Write(const std::string& name, ByteSpan octets) const {
  return PosixFiles().WriteDurably(Path(name), octets);
}

Status EstateFolder::WriteSecret(const std::string& name, const Secret& secret) const {
  return PosixFiles().WriteDurably(Path(name), secret.span(), /*secret=*/true);
}

Status EstateFolder::WriteIdentity(const std::string& stem, const pki::Certificate& certificate,
                                   const pki::PrivateKey& key) const {
  SMKI_RETURN_IF_ERROR(Write(stem + ".crt.pem", certificate.ToPem()));
  return WriteSecret(stem + ".key.pem", key.ToPem());
}

}  // namespace smki::sim
