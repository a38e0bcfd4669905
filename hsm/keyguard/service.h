// The keyguard's two gRPC services: thin shells that know who is calling and hand the rest to the signer. Callbacks run
// on gRPC's threads and the signer's I/O thread; nothing here blocks on the signer.
#pragma once

#include <grpcpp/impl/service_type.h>

#include <memory>
#include <set>
#include <string>

#include "hsm/keyguard/countersigner.h"
#include "hsm/keyguard/signer_process.h"

namespace smki::hsm {

// The orchestrator's transport identity: the one caller of the Keyguard service.
inline constexpr char kOrchestrator[] = "orchestrator";
// What all Prepare uploads that are under way may hold together.
inline constexpr size_t kMaxUploadOctets = size_t{1} << 30;

// Both outlive the server they are registered with; `signer` and `countersigner` outlive them.
std::unique_ptr<grpc::Service> MakeKeyguardService(SignerProcess& signer, Countersigner& countersigner,
                                                   std::string journal_path,
                                                   size_t max_upload_octets = kMaxUploadOctets);
// `persons`: ids of the trust policy, who alone may call.
std::unique_ptr<grpc::Service> MakePersonsService(SignerProcess& signer, std::set<std::string> persons);

}  // namespace smki::hsm
