"""The rows of the error code table: facts only, one row per code."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["CODE_ROWS", "CodeRow"]


class CodeRow(NamedTuple):
    """One row."""

    number: int

    operations: str
    """`L` login, `O` logout, `Q` query, `U` remote cluster update."""

    meaning: str
    """Short description of the guide."""

    cause: str
    """What is wrong."""

    provoke: str
    """What to do in a lab to get it."""

    message: str = ""
    """Message of the EM API where it differs from `meaning`."""

    is_displayed: bool = True
    """Whether a phone ever shows it."""


CODE_ROWS = (
    CodeRow(
        0,
        "LOQ",
        "Unknown Error",
        "Something failed that no other code describes.",
        "Set the fault {kind: service_error, service: em_service} for the visiting cluster and open the service.",
    ),
    CodeRow(
        1,
        "LOQ",
        "Error on parsing",
        "The XML cannot be parsed or does not conform to the DTD; also when clusters of different releases meet and "
        "one sends what the other does not know.",
        "Send a login whose userID stands before deviceName; or set version: '11.5' for the home cluster and log in "
        "through a phone service with login_type: DN.",
        "Error on Parsing",
    ),
    CodeRow(
        2,
        "L",
        "EMCC Authentication Error",
        "The home cluster does not accept the PIN of a visiting user; on the API also an empty user ID or certificate.",
        "Log a user in on a phone of another cluster with a wrong PIN.",
        "Cannot authorize App user",
    ),
    CodeRow(
        3,
        "LOQ",
        "Invalid App User",
        "The application named in appID is unknown, or its certificate is wrong.",
        "Send an API request with a wrong appCertificate.",
    ),
    CodeRow(
        4,
        "LO",
        "Policy Validation error",
        "The request could not be checked against the login policy: database or cache trouble.",
        "Set the fault {kind: database_error, operation: policy} and log in.",
    ),
    CodeRow(
        5,
        "LO",
        "Dev. logon disabled",
        "Enable Extension Mobility is off for the device; found when logging out.",
        "Set enable_extension_mobility: no for a phone and log it out: by the API, or by doLogout=true.",
        "Device logon disabled",
    ),
    CodeRow(
        6,
        "LOQ",
        "Database Error",
        "The database raised an error in a query or while writing the login.",
        "Set the fault {kind: database_error, operation: login} (or write, or query for queries) and log in.",
    ),
    CodeRow(
        7,
        "LO",
        "Logout Request Error",
        "The automatic logout could not be set at login, or not be removed at logout.",
        "Set the fault {kind: database_error, operation: automatic_logout} and send an API login with an "
        "exclusiveDuration.",
        is_displayed=False,
    ),
    CodeRow(
        8,
        "Q",
        "Query type undetermined",
        "The query document holds no query element that the service knows.",
        "Send a query with an element fooQuery.",
    ),
    CodeRow(
        9,
        "LOQ",
        "Dir. User Info Error",
        "Information about the user could be had neither from the cache nor from the database.",
        "Set the fault {kind: service_down, service: directory} in the home cluster and log in one of its users from "
        "the other cluster; or {kind: database_error, operation: user} and send an API request.",
    ),
    CodeRow(
        10,
        "LOQ",
        "User lacks app proxy rights",
        "The application acts for another user without belonging to Standard EM Authentication Proxy Rights.",
        "Set em_proxy_rights: no for an application user and log somebody in with it; or let an end user log in "
        "somebody else through the API.",
    ),
    CodeRow(
        11,
        "LO",
        "Device Does not exist",
        "No device of that name is in the cluster.",
        "Log in on a device name that the cluster does not have.",
        "Device does not exist",
    ),
    CodeRow(
        12,
        "L",
        "Dev. Profile not found",
        "The user has no device profile, or not the one named.",
        "Give a user of the home cluster no profiles and log in on a phone of another cluster; or name an unknown "
        "profile in an API login.",
    ),
    CodeRow(
        18,
        "L",
        "Another user logged in",
        "Somebody is logged in on the phone already.",
        "Log a second user in through the API on a phone that is occupied.",
    ),
    CodeRow(
        19,
        "O",
        "No user logged in",
        "Nobody is logged in on the phone that should be logged out.",
        "Send an API logout for a phone that nobody uses.",
    ),
    CodeRow(
        20,
        "LO",
        "Hoteling flag error",
        "The setting Enable Extension Mobility of the device could not be read.",
        "Set the fault {kind: database_error, operation: device} and log in.",
    ),
    CodeRow(
        21,
        "LO",
        "Hoteling Status error",
        "The login status of the device could not be read.",
        "Set the fault {kind: database_error, operation: login_status} and log in.",
    ),
    CodeRow(
        22,
        "L",
        "Dev. logon disabled",
        "Enable Extension Mobility is off for the device; found when logging in or opening the service.",
        "Set enable_extension_mobility: no for a phone and open the service on it, or log in on it by the API.",
        "Device logon disabled",
    ),
    CodeRow(
        23,
        "LO",
        "User does not exist",
        "The user ID, extension or self-service ID is known neither here nor on any remote cluster that can be asked.",
        "Log in with a user ID that no cluster has; or log in a user of another cluster through the API.",
        "User not found",
    ),
    CodeRow(
        25,
        "L",
        "User logged in elsewhere",
        "The user is on another phone, in this or another cluster, and multiple logins are not allowed.",
        "With multiple_login_behavior: not_allowed, log the same user in on a second phone.",
    ),
    CodeRow(
        26,
        "LO",
        "Busy, please try again",
        "As many logins and logouts are in progress as Maximum Concurrent Requests allows.",
        "Set maximum_concurrent_requests: 1 in service_parameters and login: 1 s in service_times, then log two users"
        " in at once.",
    ),
    CodeRow(
        27,
        "L",
        "Change Password",
        "The user's password has expired or must be changed first.",
        "Set password_must_change: yes for a user and send an API login as that user.",
        is_displayed=False,
    ),
    CodeRow(
        28,
        "LO",
        "Untrusted IP Error",
        "Validate IP Address is on, and the source of the request is no trusted address and no registered phone.",
        "Set validate_ip_address: yes in service_parameters and open the service from an address that is neither a "
        "registered phone's nor in trusted_ips.",
    ),
    CodeRow(
        29,
        "LO",
        "ris down-contact admin",
        "Validate IP Address is on, and the RIS data collector cannot be asked whether the source is a registered "
        "phone.",
        "Set validate_ip_address: yes in service_parameters and the fault {kind: service_down, service: ris}, and "
        "open the service from an address that is not in trusted_ips.",
        "RIS down-contact admin",
    ),
    CodeRow(
        30,
        "LO",
        "Proxy not allowed",
        "Validate IP Address is on, Allow Proxy is off, and the request came through a proxy (Via header).",
        "Set validate_ip_address: yes in service_parameters (allow_proxy stays no), and log in by a request with a "
        "Via header.",
    ),
    CodeRow(
        31,
        "LO",
        "EMCC Not Activated for the user",
        "Enable Extension Mobility Cross Cluster is off for the user at home.",
        "Set enable_emcc: no for a user and log in on a phone of another cluster.",
    ),
    CodeRow(
        32,
        "LO",
        "Device does not support EMCC",
        "The model of the phone has no EMCC feature in the database of the visiting cluster.",
        "Give a phone a model without EMCC, such as 7960, and send a login of a user of another cluster for it with "
        "EMCC=true.",
    ),
    CodeRow(
        33,
        "LO",
        "No free EMCC dummy device",
        "All EMCC base devices of the home cluster are in use.",
        "Set base_devices: 0 in the home cluster and log in on a phone of another cluster.",
    ),
    CodeRow(
        35,
        "LO",
        "Visiting Cluster Information is not present in Home Cluster",
        "The home cluster has no remote cluster entry for the visiting cluster.",
        "Set remote_clusters: {} in the home cluster, or leave the visiting cluster out of it, and log in there.",
    ),
    CodeRow(
        36,
        "LO",
        "No Remote Cluster",
        "The visiting cluster has no remote cluster entry at all.",
        "Set remote_clusters: {} in the visiting cluster and log in a user of another cluster.",
    ),
    CodeRow(
        37,
        "LO",
        "Duplicate Device Name",
        "A device with the name of the visiting phone exists in the home cluster too.",
        "Give a phone of the home cluster the name of the visiting phone.",
    ),
    CodeRow(
        38,
        "LO",
        "EMCC Not Allowed",
        "The home cluster does not offer EMCC: it is off in its Intercluster Service Profile or for that remote "
        "cluster.",
        "Set emcc: no in the home cluster's remote_clusters entry for the visiting cluster, and log in there.",
    ),
    CodeRow(
        39,
        "L",
        "Configuration Issue",
        "The home cluster names no Default TFTP Server for EMCC Login Device. The phone shows 201.",
        "Set default_tftp_server: none and backup_tftp_server: none in the emcc parameters of the home cluster.",
    ),
    CodeRow(
        40,
        "L",
        "No Response from Remote Host",
        "A remote cluster that might be the user's home did not answer. The phone shows 23.",
        "Set the fault {kind: link_cut, link: [visiting, home]} after the start, and log in a user of the home "
        "cluster.",
    ),
    CodeRow(
        41,
        "L",
        "PIN change is required",
        "The user must change the PIN at the next login; the phone gets the form for it.",
        "Set pin_must_change: yes for a user and log in.",
    ),
    CodeRow(
        42,
        "LOU",
        "Invalid ClusterID",
        "The ID of a remote cluster entry is not the ID of the cluster that answers at its address.",
        "Give a remote cluster entry of the visiting cluster a Cluster ID that the cluster at its "
        "fully_qualified_name does not have, and log in a user of that cluster.",
    ),
    CodeRow(
        43,
        "L",
        "Device Security mode error",
        "The security profile of the EMCC base devices is not non-secure.",
        "Set device_security_mode: encrypted for the base_devices of the home cluster and log in.",
    ),
    CodeRow(
        44,
        "L",
        "Configuration Issue",
        "The home cluster still has the Cluster ID that every cluster is delivered with. The phone shows 201.",
        "Set cluster_id: StandAloneCluster, the product's default, for the home cluster, and log in one of its users "
        "from another.",
    ),
    CodeRow(
        45,
        "L",
        "Remote Cluster version not supported",
        "A secure phone of a mixed-mode cluster from 9.x on meets a home cluster of 8.x.",
        "Set version: 8.6 for the home cluster, security_mode: mixed for the visiting one, and device_security_mode: "
        "encrypted for the phone, and log in.",
    ),
    CodeRow(
        46,
        "L",
        "Remote Cluster security mode not supported",
        "A secure phone of a mixed-mode cluster meets a home cluster that is non-secure.",
        "Set security_mode: mixed for the visiting cluster only, and device_security_mode: encrypted for the phone, "
        "and log in.",
    ),
    CodeRow(
        47,
        "L",
        "DN has multiple users",
        "At home the extension typed in is the primary extension of several users.",
        "Give two users of the home cluster the same primary_extension and log in with it through a service with "
        "login_type DN.",
    ),
    CodeRow(
        201,
        "L",
        "Authentication Error",
        "User ID or PIN of a local user is wrong; for a user of another cluster also: EMCC is off in the Intercluster"
        " Service Profile of the visiting cluster.",
        "Log in a local user with a wrong PIN; or set emcc_active: no in the intercluster_service_profile of the "
        "visiting cluster and log in a user of another.",
    ),
    CodeRow(
        202,
        "L",
        "Blank userid or pin",
        "User ID or PIN was left empty.",
        "Submit the login form without a PIN.",
    ),
    CodeRow(
        204,
        "L",
        "Directory server error",
        "The user store could not be asked whether the PIN is right.",
        "Set the fault {kind: service_down, service: directory} and log in a local user.",
    ),
    CodeRow(
        205,
        "LO",
        "User Profile Absent",
        "No device profile belongs to the local user, or the profiles cannot be read.",
        "Give a local user no profiles and log in; or set the fault {kind: database_error, operation: user_profile}.",
    ),
    CodeRow(
        207,
        "LO",
        "Device Name Empty",
        "The request names no device; a real phone always does.",
        "Fetch /emapp/EMAppServlet without the parameter device.",
    ),
    CodeRow(
        208,
        "LO",
        "EMService Connection Error",
        "EMApp reaches no EMService of its cluster, or the visiting EMService does not reach the known home: service "
        "stopped, network down, certificate not trusted.",
        "Set the fault {kind: service_down, service: em_service} in the visiting cluster, or {kind: link_refused, "
        "link: [visiting, home]} after the start; or set certificates_imported: no in a remote_clusters entry of "
        "either.",
    ),
    CodeRow(
        210,
        "LO",
        "Init Fail-Contact Admin",
        "EMApp failed to start properly, for instance without a database.",
        "Set the fault {kind: database_error, operation: start} in the lab file and open the service.",
    ),
    CodeRow(
        211,
        "LO",
        "EMCC Not Activated",
        "PSTN Access is off in the Intercluster Service Profile of the visiting cluster.",
        "Set pstn_access_active: no in the intercluster_service_profile of the visiting cluster and log in a user of "
        "another.",
    ),
    CodeRow(
        212,
        "LU",
        "Cluster ID is invalid",
        "A remote cluster update named an ID that is not that of the cluster asked.",
        "Fetch /emapp/EMAppServlet?getClusterInfo=true with a wrong clusterId.",
    ),
    CodeRow(
        213,
        "LO",
        "Device does not support EMCC",
        "A user of another cluster tries to log in on a phone that does not say EMCC=true.",
        "Log in a user of another cluster through a phone service with with_emcc: no.",
    ),
    CodeRow(
        215,
        "L",
        "Login Type is invalid",
        "The loginType of the service URL is none of UID, SP and DN.",
        "Fetch /emapp/EMAppServlet with loginType=XX.",
    ),
    CodeRow(
        216,
        "L",
        "DN has multiple users",
        "The extension typed in is the primary extension of several local users.",
        "Give two local users the same primary_extension and log in with it through a service with login_type DN.",
    ),
)
"""Every code of the two tables of the guide and of the EM API, ascending."""
