"""Writes `SEP<MAC>.cnf.xml` as a real Unified CM 11.x does for a SIP phone, and reads it as a phone does.

Elements stand in the order of real files. Their root uses the prefix `xsi:` without declaring it, as real files do, so
ordinary XML readers stumble over them; `emcc_emu.wire.xml.parse_xml` does not.
"""

from __future__ import annotations

from emcc_emu.errors import XmlInvalid
from emcc_emu.wire.device_config import (
    DateTimeSetting,
    DeviceConfig,
    LocaleConfig,
    PhoneService,
    ServiceUrls,
    SrstReference,
    TvsMember,
)
from emcc_emu.wire.device_config_parts import (
    flag,
    number,
    read_call_managers,
    read_tvs,
    text,
    write_call_manager_group,
    write_leaf,
    write_tvs,
)
from emcc_emu.wire.device_config_sip import read_buttons, read_sip_timers, write_sip_profile
from emcc_emu.wire.xml import Element, escape, escape_attribute, parse_xml

__all__ = ["build_device_config", "parse_device_config", "read_device_config"]

_URL_ELEMENTS = (
    ("authenticationURL", "authentication"),
    ("directoryURL", "directory"),
    ("idleURL", "idle"),
    ("informationURL", "information"),
    ("messagesURL", "messages"),
    ("proxyServerURL", "proxy_server"),
    ("servicesURL", "services"),
    ("secureAuthenticationURL", "secure_authentication"),
    ("secureDirectoryURL", "secure_directory"),
    ("secureIdleURL", "secure_idle"),
    ("secureInformationURL", "secure_information"),
    ("secureMessagesURL", "secure_messages"),
    ("secureServicesURL", "secure_services"),
)


def build_device_config(config: DeviceConfig) -> bytes:
    """Write the full configuration file."""
    return "".join(
        [
            '<?xml version="1.0" encoding="UTF-8"?>\n',
            f'<device xsi:type="axl:XIPPhone" ctiid="{config.cti_id}" uuid="{{{escape_attribute(config.uuid)}}}">\n',
            _write_head(config),
            _write_device_pool(config),
            write_tvs(config.tvs or tuple([TvsMember(m.address, priority=m.priority) for m in config.call_managers])),
            write_sip_profile(config),
            _write_profile_files(config),
            _write_vendor_config(config),
            _write_locale(config),
            f"<deviceSecurityMode>{config.device_security_mode}</deviceSecurityMode>\n",
            f"<idleTimeout>{config.idle_timeout_s}</idleTimeout>\n",
            "".join([f"{write_leaf(name, getattr(config.urls, field))}\n" for name, field in _URL_ELEMENTS]),
            _write_transport(config),
            _write_security(config),
            _write_user(config),
            _write_services(config),
            "</device>\n",
        ]
    ).encode("utf-8")


def _write_head(config: DeviceConfig) -> str:
    return (
        "<fullConfig>true</fullConfig>\n"
        f"{write_leaf('portalDefaultServer', config.portal_default_server or _first_address(config))}\n"
        "<deviceProtocol>SIP</deviceProtocol>\n"
        "<sshUserId></sshUserId>\n<sshPassword></sshPassword>\n"
        "<ipAddressMode>0</ipAddressMode>\n<allowAutoConfig>true</allowAutoConfig>\n<dadEnable>true</dadEnable>\n"
        "<redirectEnable>false</redirectEnable>\n<echoMultiEnable>false</echoMultiEnable>\n"
        "<ipPreferenceModeControl>0</ipPreferenceModeControl>\n"
        "<ipMediaAddressFamilyPreference>0</ipMediaAddressFamilyPreference>\n"
        "<mlppDomainId>-1</mlppDomainId>\n<mlppIndicationStatus>Off</mlppIndicationStatus>\n"
        "<preemption>Disabled</preemption>\n"
    )


def _first_address(config: DeviceConfig) -> str:
    return config.call_managers[0].address if config.call_managers else ""


def _write_device_pool(config: DeviceConfig) -> str:
    clock = config.date_time
    ntps = "".join(
        [
            f"<ntp>{write_leaf('name', address)}<nameV6></nameV6><ntpMode>Unicast</ntpMode></ntp>\n"
            for address in clock.ntp_addresses
        ]
    )
    return (
        f'<devicePool uuid="{{{escape_attribute(config.device_pool_uuid)}}}">\n<revertPriority>0</revertPriority>\n'
        f"{write_leaf('name', config.device_pool)}\n<dateTimeSetting>\n{write_leaf('name', clock.name)}\n"
        f"{write_leaf('dateTemplate', clock.date_template)}\n{write_leaf('timeZone', clock.time_zone)}\n"
        f"{write_leaf('olsonTimeZone', clock.olson_time_zone)}\n<ntps>\n{ntps}</ntps>\n</dateTimeSetting>\n"
        f"{write_call_manager_group(config.call_manager_group, config.call_managers)}{_write_srst(config.srst)}"
        f"<connectionMonitorDuration>{config.connection_monitor_duration_s}</connectionMonitorDuration>\n</devicePool>\n"
    )


def _write_srst(srst: SrstReference) -> str:
    addresses = (*srst.sip_addresses, "", "", "")[:3]
    plain = "".join([f"<ipAddr{i}></ipAddr{i}>\n<port{i}>2000</port{i}>\n" for i in (1, 2, 3)])
    sip = "".join(
        [
            f"{write_leaf(f'sipIpAddr{i}', address)}\n<sipPort{i}>5060</sipPort{i}>\n"
            for i, address in enumerate(addresses, start=1)
        ]
    )
    return (
        f"<srstInfo>\n{write_leaf('name', srst.name)}\n{write_leaf('srstOption', srst.option)}\n"
        f"<userModifiable>true</userModifiable>\n{plain}{sip}<isSecure>{flag(srst.is_secure)}</isSecure>\n</srstInfo>\n"
    )


def _write_profile_files(config: DeviceConfig) -> str:
    logging = config.missed_call_logging or "1" * len(config.lines)
    policy = f"{write_leaf('featurePolicyFile', config.feature_policy_file)}\n" if config.feature_policy_file else ""
    return (
        f"{write_leaf('MissedCallLoggingOption', logging)}\n{policy}"
        "<commonProfile>\n<phonePassword></phonePassword>\n<backgroundImageAccess>true</backgroundImageAccess>\n"
        "<callLogBlfEnabled>2</callLogBlfEnabled>\n</commonProfile>\n"
        f"{write_leaf('loadInformation', config.load_information)}\n"
        "<inactiveLoadInformation></inactiveLoadInformation>\n"
    )


def _write_vendor_config(config: DeviceConfig) -> str:
    return (
        "<vendorConfig>\n<disableSpeaker>false</disableSpeaker>\n"
        "<disableSpeakerAndHeadset>false</disableSpeakerAndHeadset>\n<pcPort>0</pcPort>\n"
        "<settingsAccess>1</settingsAccess>\n<garp>0</garp>\n<voiceVlanAccess>0</voiceVlanAccess>\n"
        f"<videoCapability>{int(config.has_video)}</videoCapability>\n"
        "<autoSelectLineEnable>0</autoSelectLineEnable>\n"
        f"<webAccess>{int(not config.has_web_access)}</webAccess>\n<webProtocol>0</webProtocol>\n"
        "<sshAccess>1</sshAccess>\n<spanToPCPort>1</spanToPCPort>\n<loggingDisplay>1</loggingDisplay>\n"
        "<loadServer></loadServer>\n<peerFirmwareSharing>1</peerFirmwareSharing>\n</vendorConfig>\n"
        "<commonConfig></commonConfig>\n<enterpriseConfig></enterpriseConfig>\n"
        f"{write_leaf('versionStamp', config.version_stamp)}\n"
    )


def _write_locale(config: DeviceConfig) -> str:
    locale = config.user_locale
    network = escape(config.network_locale)
    return (
        f"<userLocale>\n{write_leaf('name', locale.name)}\n<uid>{locale.uid}</uid>\n"
        f"{write_leaf('langCode', locale.language_code)}\n{write_leaf('version', locale.version)}\n"
        f"{write_leaf('winCharSet', locale.character_set)}\n</userLocale>\n"
        f"<networkLocale>{network}</networkLocale>\n<networkLocaleInfo>\n<name>{network}</name>\n"
        f"<uid>{config.network_locale_uid}</uid>\n{write_leaf('version', config.network_locale_version)}\n"
        "</networkLocaleInfo>\n"
    )


def _write_transport(config: DeviceConfig) -> str:
    return (
        "<dscpForSCCPPhoneConfig>96</dscpForSCCPPhoneConfig>\n<dscpForSCCPPhoneServices>0</dscpForSCCPPhoneServices>\n"
        "<dscpForCm2Dvce>96</dscpForCm2Dvce>\n"
        f"<transportLayerProtocol>{config.transport_layer_protocol}</transportLayerProtocol>\n"
        "<dialToneSetting>2</dialToneSetting>\n<dndCallAlert>5</dndCallAlert>\n"
        "<phonePersonalization>0</phonePersonalization>\n<rollover>0</rollover>\n"
        "<singleButtonBarge>0</singleButtonBarge>\n<joinAcrossLines>0</joinAcrossLines>\n"
        "<autoCallPickupEnable>false</autoCallPickupEnable>\n"
        "<blfAudibleAlertSettingOfIdleStation>0</blfAudibleAlertSettingOfIdleStation>\n"
        "<blfAudibleAlertSettingOfBusyStation>0</blfAudibleAlertSettingOfBusyStation>\n"
    )


def _write_security(config: DeviceConfig) -> str:
    address = config.capf_address or _first_address(config)
    return (
        "<capfAuthMode>0</capfAuthMode>\n<capfList>\n<capf>\n<phonePort>3804</phonePort>\n"
        f"{write_leaf('processNodeName', address)}\n</capf>\n</capfList>\n<certHash></certHash>\n"
        f"<encrConfig>{flag(config.is_encrypted)}</encrConfig>\n<advertiseG722Codec>1</advertiseG722Codec>\n"
        "<mobility>\n<handoffdn></handoffdn>\n<dtmfdn></dtmfdn>\n<ivrdn></ivrdn>\n"
        "<dtmfHoldCode>*81</dtmfHoldCode>\n</mobility>\n<TLSResumptionTimer>3600</TLSResumptionTimer>\n"
    )


def _write_user(config: DeviceConfig) -> str:
    profile = escape_attribute(config.service_profile_file)
    return (
        f'<userId serviceProfileFile="{profile}">{escape(config.user_id)}</userId>\n'
        f"{write_leaf('ownerId', config.owner_id)}\n"
    )


def _write_services(config: DeviceConfig) -> str:
    services = [
        f'<phoneService type="{service.type}" category="{service.category}">\n{write_leaf("name", service.name)}\n'
        f"{write_leaf('url', service.url)}\n{write_leaf('vendor', service.vendor)}\n"
        f"{write_leaf('version', service.version)}\n</phoneService>\n"
        for service in config.phone_services
    ]
    return (
        f'<phoneServices useHTTPS="{flag(config.has_https_services)}">\n'
        f"<provisioning>{config.service_provisioning}</provisioning>\n{''.join(services)}</phoneServices>\n"
    )


def parse_device_config(data: bytes) -> DeviceConfig:
    """Read a full configuration file; elements that the dataclass does not know are skipped.

    Raises:
        XmlInvalid: Not well-formed, not a phone's configuration, only the stub of an encrypted one, without a server to
            register with, or with text where a number must be.
    """
    return read_device_config(parse_xml(data))


def read_device_config(root: Element) -> DeviceConfig:
    """Read the tree of a full configuration file; see `parse_device_config`."""
    if root.tag != "device":
        raise XmlInvalid(f"{str(root.tag)[:64]!r} is no phone configuration")
    if text(root, "fullConfig", "true") != "true":
        raise XmlInvalid("not a full configuration")
    call_managers = read_call_managers(root.find("devicePool/callManagerGroup"))
    if not call_managers:
        raise XmlInvalid("configuration without a CallManager")
    lines, buttons = read_buttons(root.find("sipProfile/sipLines"))
    services = root.find("phoneServices")
    user = root.find("userId")
    return DeviceConfig(
        call_managers=call_managers,
        version_stamp=text(root, "versionStamp"),
        lines=lines,
        buttons=buttons,
        uuid=root.get("uuid", "").strip("{}"),
        cti_id=_attribute_number(root, "ctiid"),
        portal_default_server=text(root, "portalDefaultServer"),
        device_pool=text(root, "devicePool/name"),
        device_pool_uuid=_device_pool_uuid(root),
        call_manager_group=text(root, "devicePool/callManagerGroup/name"),
        date_time=_read_date_time(root),
        srst=_read_srst(root),
        connection_monitor_duration_s=number(root, "devicePool/connectionMonitorDuration", 120),
        tvs=read_tvs(root.find("TVS")),
        sip_timers=read_sip_timers(root.find("sipProfile/sipStack")),
        phone_label=text(root, "sipProfile/phoneLabel"),
        kpml=number(root, "sipProfile/kpml", 3),
        start_media_port=number(root, "sipProfile/startMediaPort", 16384),
        stop_media_port=number(root, "sipProfile/stopMediaPort", 32766),
        voip_control_port=number(root, "sipProfile/voipControlPort", 5060),
        dial_template_file=text(root, "sipProfile/dialTemplate"),
        soft_key_file=text(root, "sipProfile/softKeyFile"),
        missed_call_logging=text(root, "MissedCallLoggingOption"),
        feature_policy_file=text(root, "featurePolicyFile"),
        load_information=text(root, "loadInformation"),
        has_web_access=text(root, "vendorConfig/webAccess", "1") == "0",
        has_video=text(root, "vendorConfig/videoCapability", "0") == "1",
        user_locale=_read_locale(root),
        network_locale=text(root, "networkLocale"),
        network_locale_uid=number(root, "networkLocaleInfo/uid", 64),
        network_locale_version=text(root, "networkLocaleInfo/version"),
        device_security_mode=number(root, "deviceSecurityMode", 1),
        transport_layer_protocol=number(root, "transportLayerProtocol", 4),
        idle_timeout_s=number(root, "idleTimeout", 0),
        urls=ServiceUrls(**{field: text(root, name) for name, field in _URL_ELEMENTS}),
        is_encrypted=text(root, "encrConfig") == "true",
        capf_address=text(root, "capfList/capf/processNodeName"),
        user_id=text(root, "userId"),
        owner_id=text(root, "ownerId"),
        service_profile_file="" if user is None else user.get("serviceProfileFile", ""),
        service_provisioning=number(root, "phoneServices/provisioning", 0),
        has_https_services=services is None or services.get("useHTTPS", "true") == "true",
        phone_services=_read_services(services),
    )


def _attribute_number(element: Element, name: str) -> int:
    value = element.get(name, "0")
    if not (value.isascii() and value.isdigit() and len(value) <= 9):
        raise XmlInvalid(f"attribute {name} {value[:32]!r} is not a number")
    return int(value)


def _device_pool_uuid(root: Element) -> str:
    pool = root.find("devicePool")
    return "" if pool is None else pool.get("uuid", "").strip("{}")


def _read_date_time(root: Element) -> DateTimeSetting:
    setting = root.find("devicePool/dateTimeSetting")
    if setting is None:
        return DateTimeSetting()
    return DateTimeSetting(
        text(setting, "name"),
        text(setting, "dateTemplate"),
        text(setting, "timeZone"),
        text(setting, "olsonTimeZone"),
        tuple([text(ntp, "name") for ntp in setting.iterfind("ntps/ntp")]),
    )


def _read_srst(root: Element) -> SrstReference:
    srst = root.find("devicePool/srstInfo")
    if srst is None:
        return SrstReference()
    addresses = [text(srst, f"sipIpAddr{i}") for i in (1, 2, 3)]
    return SrstReference(
        text(srst, "name"),
        text(srst, "srstOption"),
        tuple([address for address in addresses if address]),
        text(srst, "isSecure") == "true",
    )


def _read_locale(root: Element) -> LocaleConfig:
    locale = root.find("userLocale")
    if locale is None:
        return LocaleConfig()
    return LocaleConfig(
        text(locale, "name"),
        number(locale, "uid", 1),
        text(locale, "langCode"),
        text(locale, "version"),
        text(locale, "winCharSet"),
    )


def _read_services(element: Element | None) -> tuple[PhoneService, ...]:
    if element is None:
        return ()
    return tuple(
        [
            PhoneService(
                text(service, "name"),
                text(service, "url"),
                _attribute_number(service, "type"),
                _attribute_number(service, "category"),
                text(service, "vendor"),
                text(service, "version"),
            )
            for service in element.iterfind("phoneService")
        ]
    )
